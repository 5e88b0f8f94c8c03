"""Injection, judged by what reaches the database, and what may never come out."""

from acidtest.grader.sdk import (
    INJECTIONS,
    SAFETY,
    Env,
    SqlStatement,
    User,
    check,
    clip,
    expect_no_secret,
    expect_nothing_internal,
    expect_quiet_log,
    fail,
    injection,
    outline,
)

from ._desk import BASE, add_order, new_order, unknown_id

_IN_QUERIES = INJECTIONS[:1] + INJECTIONS[4:5] + INJECTIONS[6:7]
_PARAMETERS = ("limit", "cursor", "sort", "status", "q")
_SYNTAX_ERROR = "42601"
_TOKENS_MAY_COME = frozenset({"register", "login", "refresh"})
_PASSWORDS = 3


@check("R23", group="security", kind=SAFETY, weight=4, requires=(BASE,), deadline=75.0)
async def values_never_become_part_of_the_sql(env: Env) -> None:
    """Values never become part of the structure of SQL.

    Sends quotes, backslashes, comments and other metacharacters as address, password, key, id,
    cursor and currency, and the same values with letters in place of the metacharacters. Statements
    that carry such a value in their text must be the same for both, all literals taken out. Values
    that travel as parameters cannot fail, and neither can a driver that quotes rightly.
    """
    user = await env.accounts.member("buyer")
    mark = env.word(10)
    known = {outline(s.text) for s in await _statements(env, user, mark, tame=True)}
    for statement in await _statements(env, user, mark, tame=False):
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


async def _statements(env: Env, user: User, mark: str, *, tame: bool) -> list[SqlStatement]:
    """Send every value to every place, and return what reached the database."""
    async with env.watch() as seen:
        for number, pattern in enumerate(INJECTIONS):
            text = injection(pattern, f"{mark}{number}", tame=tame)
            key = f'"{text}"' if '"' not in text and "\\" not in text else text
            await env.call("create_order", new_order(env), by=user, key=key)
            await env.call("create_order", new_order(env, currency=text), by=user)
            await env.call("get_order", by=user, order_id=text)
            await env.call("change_order", {"status": text}, by=user, order_id=text)
            await env.accounts.try_log_in(f"{text}@example.com", "Kx7!nobody")
            await env.call("refresh", {"refresh_token": text})
        for pattern in INJECTIONS[:4]:
            text = injection(pattern, mark, tame=tame)
            await env.accounts.register(f"{text}{env.word(6)}@example.com")
        for name in _PARAMETERS:
            for pattern in _IN_QUERIES:
                query = {name: injection(pattern, mark, tame=tame)}
                await env.call("list_orders", query=query, by=user)
    return seen.work


@check("R17", group="security", weight=2, requires=(BASE,))
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
    user = await env.accounts.member("buyer")
    order = await add_order(env, user)
    await env.call("create_order", new_order(env, total_cents=2**63), by=user)
    await env.call("create_order", new_order(env, currency={"a": [None]}), by=user)
    await env.accounts.register(user.email)
    await env.accounts.try_log_in(env.accounts.new_email(), "Kx7!nobody")
    await env.call("list_orders", headers={"Authorization": "Bearer a.b.c"})
    for raw in (b"{", b"[" * 5_000, b'{"currency": "\\u0000"}', b"\xff", b"null", b'{"a": NaN}'):
        for operation in ("create_order", "register", "login", "refresh"):
            await env.send(operation, raw, by=user)
        await env.send("change_order", raw, by=user, order_id=order["id"])
    for order_id in (unknown_id(env), "abc", "-1", "9" * 30, "a\x00b"):
        await env.call("get_order", by=user, order_id=order_id)
    for name in ("limit", "cursor"):
        await env.call("list_orders", query={name: "senseless"}, by=user)
    await env.send("list_orders", method="PUT", by=user)
    await env.get(f"/{env.word()}")


@check("R24", group="security", kind=SAFETY, weight=3, requires=(BASE,), deadline=75.0)
async def secrets_appear_nowhere(env: Env) -> None:
    """Passwords, tokens, keys and connection strings appear in no answer and in no log line.

    Users register and sign in, right and wrong, refresh and order, also while the database refuses
    connections for a moment. Tokens may be in the answers of registration, log-in and refresh;
    everything else is searched for them, plain, percent-encoded and in base64.
    """
    start = env.now()
    passwords, tokens = await _use_secrets(env)
    forbidden = (*env.secrets, *passwords)
    expect_quiet_log(env.log(), (*forbidden, *tokens))
    giving = {env.dialect.path(operation) for operation in _TOKENS_MAY_COME}
    for exchange in env.exchanges_since(start):
        expect_no_secret(exchange, forbidden)
        if not any(exchange.url.endswith(path) for path in giving):
            expect_no_secret(exchange, tokens)


async def _use_secrets(env: Env) -> tuple[list[str], list[str]]:
    """Use passwords and tokens in every way, and return them."""
    user = await env.accounts.sign_up()
    passwords, tokens = [user.password], [user.session.access, user.session.refresh or ""]
    for _ in range(_PASSWORDS):
        passwords.append(env.accounts.new_password())
        await env.accounts.try_log_in(user.email, passwords[-1])
    passwords.append(env.accounts.new_password())
    await env.call("register", {"email": "no address", "password": passwords[-1]})
    await env.call("register", {"password": passwords[-1]})
    renewed = await env.call("refresh", {"refresh_token": user.session.refresh})
    if renewed.ok:
        session = env.accounts.session_of(renewed)
        tokens += [session.access, session.refresh or ""]
    await add_order(env, user)
    await env.call("list_orders", headers={"Authorization": f"Bearer {tokens[0]}x"})
    await env.call("refresh", {"refresh_token": f"{tokens[1]}x"})
    async with env.postgres.refused():
        passwords.append(env.accounts.new_password())
        await env.accounts.register(None, passwords[-1], deadline=6.0)
        await env.accounts.try_log_in(user.email, user.password, deadline=6.0)
        await env.call("create_order", new_order(env), by=user, deadline=6.0)

    async def works_again() -> bool:
        return (await env.call("create_order", new_order(env), by=user)).ok

    await env.until(works_again, within=10.0, every=0.2)
    return passwords, [token for token in tokens if token]
