"""Pages, where lists are given in pages."""

from datetime import UTC, datetime

from acidtest.grader.sdk import SAFETY, Answer, Env, Place, check, fail, not_applicable, unmet

from ._rows import find_rows
from ._shelf import BASE, add_book, listed_books

_ENOUGH = 24
_PAGE = "5"
_MOST_PAGES = 500
_SENSELESS = ("0", "-1", "abc", "1000000000000", "99999999999999999999", "", "1.5", "' or 1=1")


@check("R21", group="contract", kind=SAFETY, weight=2, requires=(BASE,))
async def pages_give_every_book_once(env: Env) -> None:
    """Walking all pages while books are added gives every book that was there exactly once.

    Pages of five where the size can be chosen. A book is added after each page. Done twice: once as
    books come, once after all books were given the same time of creation past the service.
    """
    if not await _offers_pages(env):
        not_applicable("The list of books is not given in pages, which is optional")
    for _ in range(_ENOUGH):
        await add_book(env)
    await _walk_once(env, "")
    await _make_simultaneous(env)
    await env.cache.flushdb()
    await _walk_once(env, " of books created at the same moment")


async def _walk_once(env: Env, which: str) -> None:
    before = {str(book.get("id")) for book in await listed_books(env)}
    if len(before) < _ENOUGH:
        unmet(f"This rests on: the pages show all books; they show {len(before)}")
    size = env.dialect.query("list_books").limit
    answer = await env.call("list_books", query={size: _PAGE} if size else {})
    seen: list[str] = []
    for _ in range(_MOST_PAGES):
        answer.expect({200}, "A page of the list of books does not answer 200")
        if not answer.items:
            break
        seen += [str(item.get("id")) for item in answer.items]
        await add_book(env)
        following = env.dialect.page("list_books", answer.reply)
        if following is None:
            break
        reply = await env.http.send(following)
        answer = Answer(reply, operation="list_books", dialect=env.dialect)
    twice = sorted({one for one in seen if seen.count(one) > 1 and one in before})
    missing = sorted(before - set(seen))
    if twice or missing:
        fail(
            f"Walking the pages{which} while books are added does not give every book once",
            expected=f"each of the {len(before)} books exactly once",
            observed=f"{len(twice)} more than once {twice[:3]}, {len(missing)} never {missing[:3]}",
        )


async def _offers_pages(env: Env) -> bool:
    offered = env.dialect.query("list_books")
    if offered.any:
        return True
    answer = await env.call("list_books")
    return env.dialect.page("list_books", answer.reply) is not None


async def _make_simultaneous(env: Env) -> None:
    """Give all books the same time of creation, and drop what is cached."""
    kept = await find_rows(env)
    times = [c for c in await env.db.columns(kept.books) if c.type.startswith("timestamp")]
    for column in times:
        moment = datetime.now(UTC).replace(microsecond=0)
        value = moment if "with time zone" in column.type else moment.replace(tzinfo=None)
        await env.db.execute(Place(kept.books, column.name).update_to("$1"), value)


@check("R21", group="contract", requires=(BASE,))
async def senseless_pages_are_no_5xx(env: Env) -> None:
    """A senseless page size, number or cursor is answered with 4xx or with a sensible page.

    Tried are zero, negative, huge and fractional numbers, words and nothing at all.
    """
    if not await _offers_pages(env):
        not_applicable("The list of books is not given in pages, which is optional")
    offered = env.dialect.query("list_books")
    for name in filter(None, offered):
        for value in (*_SENSELESS, "ZXlKcFpDSTZNWDA=", "\x00"):
            answer = await env.call("list_books", query={name: value})
            if answer.status is None or answer.status >= 500 or 300 <= answer.status < 400:
                fail(
                    f"{name}={value!a} is answered with neither 4xx nor a page",
                    expected="4xx, or 200 with a page",
                    observed=answer.summary(),
                )
            if answer.ok and answer.json is None:
                fail(
                    f"{name}={value!a} is answered with something that is no page",
                    expected="4xx, or 200 with a page",
                    observed=answer.summary(),
                )
