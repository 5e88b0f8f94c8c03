"""Injection, judged by what reaches the database, and what may never come out."""

from acidtest.grader.sdk import (
    INJECTIONS,
    SAFETY,
    Env,
    SqlStatement,
    check,
    clip,
    dump_json,
    expect_no_secret,
    expect_nothing_internal,
    expect_quiet_log,
    fail,
    injection,
    outline,
)

from ._elsewhere import rests_on_postgres
from ._shelf import (
    BASE,
    add_book,
    add_review,
    listed_books,
    new_book,
    new_review,
    stored,
    unknown_id,
    without,
)

_IN_QUERIES = ("{}'", "{}') --", "{}' or '1'='1", "{};select 1")
_PARAMETERS = ("limit", "offset", "page", "cursor", "sort", "order", "q", "search", "author")
_SYNTAX_ERROR = "42601"


@check("R19", group="security", kind=SAFETY, weight=4, requires=(BASE,))
async def values_never_become_part_of_the_sql(env: Env) -> None:
    """Values never become part of the structure of SQL.

    Sends quotes, backslashes, comments and other metacharacters in every field, in ids and in query
    parameters, and the same values with letters in place of the metacharacters. Statements that
    carry such a value in their text must be the same for both, all literals taken out. Values that
    travel as parameters cannot fail, and neither can a driver that quotes rightly.
    """
    await rests_on_postgres(env)
    book = await add_book(env)
    mark = env.word(10)
    harmless = await _statements(env, book["id"], mark, tame=True)
    known = {outline(statement.text) for statement in harmless}
    for statement in await _statements(env, book["id"], mark, tame=False):
        if mark not in statement.text:
            continue
        if (statement.error or "").startswith(_SYNTAX_ERROR):
            _became_structure(statement, f"the database answers {statement.error}")
        if outline(statement.text) not in known:
            _became_structure(statement, "harmless values never lead to a statement like this")


def _became_structure(statement: SqlStatement, why: str) -> None:
    fail(
        "A value became part of the structure of an SQL statement",
        expected="values inside of parameters or quoted literals",
        observed=f"{clip(statement.text, 600)}; {why}",
    )


async def _statements(env: Env, book_id: object, mark: str, *, tame: bool) -> list[SqlStatement]:
    """Send every value to every place, and return what reached the database."""
    async with env.watch() as seen:
        accepted = 0
        for pattern in INJECTIONS:
            text = injection(pattern, mark, tame=tame)
            answer = await env.call("create_book", new_book(env, title=text, author=text))
            accepted += answer.ok
            await env.call("create_book", new_book(env, isbn=text))
            body = new_review(env, reviewer=text, comment=text)
            await env.call("create_review", body, book_id=book_id)
            await env.call("create_review", new_review(env), book_id=text)
            await env.call("list_reviews", book_id=text)
        for name in _PARAMETERS:
            for pattern in _IN_QUERIES:
                await env.cache.flushdb()
                query = {name: injection(pattern, mark, tame=tame)}
                await env.call("list_books", query=query)
                await env.call("list_reviews", query=query, book_id=book_id)
    if tame and not accepted:
        await add_book(env, title=injection(INJECTIONS[0], mark, tame=True))
    return seen.work


@check("R7", group="security", weight=2, requires=(BASE,))
async def errors_give_nothing_internal_away(env: Env) -> None:
    """No error shows a stack trace, SQL text, a file path of the server or a secret.

    Brings about every kind of error that a client can bring about, and searches body and headers.
    """
    start = env.now()
    await _provoke(env)
    errors = [e for e in env.exchanges_since(start) if e.status is not None and e.status >= 400]
    if not errors:
        fail("Nothing at all is refused", expected="4xx for broken requests", observed="no error")
    for exchange in errors:
        expect_nothing_internal(exchange, secrets=env.secrets)


async def _provoke(env: Env) -> None:
    body = new_book(env)
    book = stored(await env.call("create_book", body), "a book can be added")
    await env.call("create_book", body)
    await env.call("create_book", without(body, "title"))
    await env.call("create_book", new_book(env, published_year=2**63))
    await env.call("create_book", new_book(env, title={"a": [None]}))
    for raw in (b"{", b"[" * 5_000, b'{"title": "\\u0000"}', b"\xff", b"null", b'{"title": NaN}'):
        await env.send("create_book", raw)
        await env.send("create_review", raw, book_id=book["id"])
    for book_id in (unknown_id(env, book["id"]), "abc", "-1", "9" * 30, "a\x00b"):
        await env.call("list_reviews", book_id=book_id)
        await env.call("create_review", new_review(env), book_id=book_id)
    text = dump_json(env.dialect.encode("review", new_review(env, comment="HERE")))
    await env.send("create_review", text.replace(b"HERE", b"\\u0000"), book_id=book["id"])
    for name in ("limit", "cursor", "page", "offset"):
        await env.call("list_books", query={name: "senseless"})
    await env.send("list_books", method="PATCH")
    await env.get(f"/{env.word()}")


@check("R20", group="security", kind=SAFETY, weight=2, requires=(BASE,))
async def secrets_appear_nowhere(env: Env) -> None:
    """The password of the database appears in no answer and in no line of the log.

    Searched are all answers and all log lines since the service was started, also those written
    while the database refused connections for a moment; plain, percent-encoded and in base64.
    """
    book = await add_book(env)
    await add_review(env, book["id"])
    await _provoke(env)
    async with env.postgres.refused():
        for _ in range(2):
            await env.call("list_reviews", book_id=book["id"], deadline=6.0)
            await env.call("create_book", new_book(env), deadline=6.0)

    async def works_again() -> bool:
        return (await env.call("create_book", new_book(env))).ok

    await env.until(works_again, within=10.0, every=0.2)
    expect_quiet_log(env.log(), env.secrets)
    for exchange in env.exchanges_since(0.0):
        expect_no_secret(exchange, env.secrets)
    await listed_books(env)
