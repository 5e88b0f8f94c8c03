"""What breaks a rule is refused and changes nothing."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from acidtest.grader.sdk import SAFETY, Env, check, dump_json, fail

from ._desk import (
    ABSENT,
    BASE,
    CURRENCIES,
    MALFORMED,
    REFUSED,
    STORED,
    add_order,
    change,
    new_order,
    new_total,
    read_order,
    same,
    stored,
)
from ._rows import locate_total, row_of, rows_of

_LARGEST = 2_147_483_647
_BEYOND = (2_147_483_648, 9_007_199_254_740_993, 9_223_372_036_854_775_807)
_TOO_LONG_EMAIL = 255


class Case(NamedTuple):
    """One body that breaks exactly one rule."""

    name: str
    body: Mapping[str, Any]


def without(body: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return `body` without one of its fields."""
    return {key: value for key, value in body.items() if key != name}


@check("R1", group="validation", weight=2, requires=("registering_answers_201_with_the_user",))
async def users_that_break_a_rule_are_refused(env: Env) -> None:
    """An address or password that breaks a rule is refused with 400 or 422 and registers nobody.

    Each body breaks one rule and is otherwise one that was accepted before.
    """
    await env.accounts.sign_up()
    good = {"email": env.accounts.new_email(), "password": env.accounts.new_password()}
    long = "x" * (_TOO_LONG_EMAIL - len("@example.com")) + "@example.com"
    cases = [
        *(Case(f"no {name}", without(good, name)) for name in good),
        *(Case(f"{name} null", {**good, name: None}) for name in good),
        *(Case(f"{name} empty", {**good, name: ""}) for name in good),
        *(Case(f"{name} an object", {**good, name: {"a": "b"}}) for name in good),
        *(Case(f"{name} a list", {**good, name: ["a@example.com"]}) for name in good),
        Case("an address without an @", {**good, "email": "somebody.example.com"}),
        Case("an address with nothing before the @", {**good, "email": "@example.com"}),
        Case("an address with nothing behind the @", {**good, "email": "somebody@"}),
        Case("an address with a space", {**good, "email": f"a b{good['email']}"}),
        Case("an address of 255 characters", {**good, "email": long}),
        Case("a password of 7 characters", {**good, "password": "Kx7!abc"}),
        Case("a password of 129 characters", {**good, "password": "Kx7!" + "a" * 125}),
    ]
    for case in cases:
        answer = await env.call("register", case.body)
        answer.expect(REFUSED, f"A registration with {case.name} is not refused")
    answer = await env.accounts.register(good["email"], good["password"])
    answer.expect(STORED, "A registration that was refused left its address taken")


@check("R12", group="validation", weight=1, requires=("registering_answers_201_with_the_user",))
async def users_at_the_edge_of_a_rule_are_accepted(env: Env) -> None:
    """Passwords of 8 and of 128 characters and unusual but right addresses are accepted.

    Length counts characters, not bytes. Whoever was registered can sign in, and only with the
    whole password: one that differs in its last character is refused.
    """
    mark = env.word(8)
    long = f"Kx7!{env.word(124)}"
    for email, password in (
        (f"{mark}.a@example.com", "Kx7!abcd"),
        (f"{mark}+tag@example.com", long),
        (f"{mark}.b@sub-domain.example.com", f"Kx7! {env.word(6)} “é” ж"),
    ):
        answer = await env.accounts.register(email, password)
        answer.expect(STORED, f"{email} with a password of {len(password)} characters is refused")
        answer = await env.accounts.try_log_in(email, password)
        answer.expect({200}, f"{email} cannot sign in with the password that was registered")
    answer = await env.accounts.try_log_in(f"{mark}+tag@example.com", long[:-1] + "?")
    answer.expect({401}, "A password is accepted whose last character is wrong")


@check("R12", group="validation", weight=2, requires=(BASE,))
async def orders_that_break_a_rule_are_refused(env: Env) -> None:
    """An order that breaks a rule of its table is refused with 400 or 422 and not stored.

    Money that is no integer or negative, a currency that is none. Each body breaks one rule and is
    otherwise one that was accepted before.
    """
    user = await env.accounts.member("buyer")
    good = new_order(env)
    await add_order(env, user, **good)
    fresh = {**good, "total_cents": new_total(env)}
    amounts = [-1, 10.5, "100", True, None, "", [100], {"cents": 100}, "1e3", -(2**63)]
    currencies = ["EURO", "E", "", None, 978, ["EUR"], {"code": "EUR"}, "QQQ", "12A", "€"]
    cases = [
        *(Case(f"no {name}", without(fresh, name)) for name in fresh),
        *(Case(f"total_cents {value!r}", {**fresh, "total_cents": value}) for value in amounts),
        *(Case(f"currency {value!r}", {**fresh, "currency": value}) for value in currencies),
    ]
    before = await _count(env, good["total_cents"])
    for case in cases:
        answer = await env.call("create_order", case.body, by=user)
        answer.expect(REFUSED, f"An order with {case.name} is not refused")
    await _nothing_added(env, good["total_cents"], before)


@check("R12", group="validation", requires=(BASE,))
async def orders_at_the_edge_of_a_rule_are_accepted(env: Env) -> None:
    """Amounts of 0 and 2147483647 and the five named currencies are accepted and come back true."""
    user = await env.accounts.member("buyer")
    bodies = [new_order(env, total_cents=amount) for amount in (0, 1, _LARGEST)]
    bodies += [new_order(env, currency=currency) for currency in CURRENCIES]
    for body in bodies:
        answer = await env.call("create_order", body, by=user)
        said = f"{body['total_cents']} {body['currency']}"
        answer.expect({200, 201}, f"An order of {said} is refused")
        again = await read_order(env, user, answer.item.get("id"))
        again.given({200}, "This rests on: an order can be read")
        for item in (answer.item, again.item):
            _is_exact(item.get("total_cents"), body["total_cents"])


@check("R12", group="validation", kind=SAFETY, requires=(BASE,))
async def amounts_beyond_32_bits_are_refused_or_exact(env: Env) -> None:
    """Amounts beyond 2147483647 are refused with 400 or 422, or come back as they were sent.

    Asked with 2^31, 2^53+1 and 2^63-1, in POST and in PATCH. Nothing wraps round or is rounded, and
    no database error comes out as a 5xx.
    """
    user = await env.accounts.member("buyer")
    order = await add_order(env, user)
    for amount in _BEYOND:
        answers = [
            await env.call("create_order", new_order(env, total_cents=amount), by=user),
            await change(env, user, order["id"], total_cents=amount),
        ]
        for answer in answers:
            answer.expect(
                {*STORED, *REFUSED}, f"An amount of {amount} is neither stored nor refused"
            )
            if answer.ok:
                _is_exact(answer.item.get("total_cents"), amount)
                again = await read_order(env, user, answer.item.get("id"))
                again.given({200}, "This rests on: an order can be read")
                _is_exact(again.item.get("total_cents"), amount)


def _is_exact(seen: object, wanted: int) -> None:
    if type(seen) is not int or seen != wanted:
        fail(
            "An amount does not come back as it was sent",
            expected=f"total_cents = {wanted}",
            observed=f"total_cents = {seen!r}",
        )


@check("R12", group="validation", requires=(BASE,))
async def bodies_that_are_no_json_object_are_refused(env: Env) -> None:
    """A body that is not JSON, or JSON but no object, is refused with 400, 415 or 422.

    A body that is an object is accepted first.
    """
    user = await env.accounts.member("buyer")
    body = new_order(env)
    good = dump_json(env.dialect.encode("order", body))
    order = stored(await env.send("create_order", good, by=user))
    before = await _count(env, body["total_cents"])
    bodies = {
        "an array": b"[" + good + b"]",
        "a string": b'"an order"',
        "a number": b"42",
        "true": b"true",
        "null": b"null",
        "nothing at all": b"",
        "JSON that breaks off": good[:-1],
        "JSON with something after it": good + b"}",
        "plain text": b"total_cents=1",
    }
    for name, raw in bodies.items():
        answer = await env.send("create_order", raw, by=user)
        answer.expect(MALFORMED, f"An order whose body is {name} is not refused")
        answer = await env.send("change_order", raw, by=user, order_id=order["id"])
        answer.expect(MALFORMED, f"A change whose body is {name} is not refused")
        answer = await env.send("register", raw)
        answer.expect(MALFORMED, f"A registration whose body is {name} is not refused")
    await _nothing_added(env, body["total_cents"], before)


@check("R12", group="validation", requires=(BASE,))
async def ids_that_cannot_exist_are_refused(env: Env) -> None:
    """An id that cannot exist is answered with 400, 404 or 422, in GET and in PATCH.

    Tried after a real id was answered.
    """
    user = await env.accounts.member("buyer")
    order = await add_order(env, user)
    known = await read_order(env, user, order["id"])
    known.given({200}, "This rests on: an order can be read")
    real = str(order["id"])
    for strange in ("abc", "-1", "0", "null", "9223372036854775808", f"{real}0", real[:-1], "%00"):
        answer = await read_order(env, user, strange)
        answer.expect(ABSENT, f"An order with the id {strange} is not refused")
        answer = await change(env, user, strange, total_cents=5)
        answer.expect(ABSENT, f"A change of an order with the id {strange} is not refused")


@check("R12", group="validation", kind=SAFETY, weight=2, requires=(BASE,))
async def what_only_the_service_sets_is_never_taken_from_a_client(env: Env) -> None:
    """Fields of a new order that a client may not set are ignored or refused, and never stored.

    `id`, `user_id`, `status` and `created_at`, one at a time and all at once, with values that
    would be believed; also `user` and `userId`. Any 4xx is fine, and so is an order without them.
    """
    user, other = [await env.accounts.member(name) for name in ("buyer", "other")]
    given = {
        "id": "3f2b8f9e-6f0c-4a55-9a61-0d3c5c0b7a11",
        "user_id": other.id,
        "status": "paid",
        "created_at": "2001-02-03T04:05:06Z",
    }
    extras = [{name: value} for name, value in given.items()]
    for extra in (*extras, {"userId": other.id, "user": other.id}, given):
        body = new_order(env)
        answer = await env.call("create_order", {**body, **extra}, by=user)
        if answer.status is not None and 400 <= answer.status < 500:
            continue
        order = stored(answer)
        again = await read_order(env, user, order["id"])
        again.expect({200}, f"An order sent with {', '.join(extra)} is not the sender's own")
        item = again.item
        taken = [
            name
            for name, value in given.items()
            if name in extra and str(item.get(name)).lower()[:19] == str(value).lower()[:19]
        ]
        if taken or not same(item.get("user_id", user.id), user.id):
            fail(
                f"A client can set {taken[0] if taken else 'user_id'} of a new order",
                expected="a value that the service chose",
                observed=again.summary(),
                tables={"row": [await row_of(env, body["total_cents"])]},
            )


async def _count(env: Env, total: object) -> int | None:
    """Rows of the table that holds an order of this amount; None where no table does."""
    place, _ = await locate_total(env, total)
    return None if place is None else (await env.db.counts())[place.table]


async def _nothing_added(env: Env, total: object, before: int | None) -> None:
    after = await _count(env, total)
    if after != before or (before is not None and await rows_of(env, total) != 1):
        fail(
            "Of the orders that were refused some were stored",
            expected=f"{before} rows",
            observed=f"{after} rows",
        )
