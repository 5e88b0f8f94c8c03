"""Accounts and orders as the statement describes them: statuses, whole answers, right rows."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

from acidtest.grader.sdk import Answer, Env, Item, check, fail, instant, not_applicable, unmet

from ._desk import (
    BASE,
    STORED,
    add_order,
    change,
    listed,
    new_order,
    read_order,
    same,
    stored,
    unknown_id,
    with_id,
)

_CLOCK_SLACK = 120.0
"""Seconds by which created_at may differ from now; time zones are off by a quarter hour or more."""
_LONGEST_LIFE = 900


@check("R1", group="contract", weight=2)
async def registering_answers_201_with_the_user(env: Env) -> None:
    """Registering is answered with 201 and the user: id, address and time, and no password.

    Afterwards the address signs in with that password and with no other.
    """
    email, password = env.accounts.new_email(), env.accounts.new_password()
    answer = await env.accounts.register(email, password)
    answer.expect({201}, "Registering with a well-formed address and password is not a 201")
    user = answer.item
    if not user.get("id") or str(user.get("email")).lower() != email:
        fail(
            "The answer to a registration is not the user",
            expected=f"an id, and email = {email!r}",
            observed=answer.summary(),
        )
    _true_time(user, "a new user")
    if password in answer.text:
        fail(
            "The answer to a registration shows the password",
            expected="the user without the password",
            observed="the password that was sent",
        )
    for tried, right in ((env.accounts.new_password(), False), (password, True)):
        answer = await env.accounts.try_log_in(email, tried)
        if answer.ok is not right:
            fail(
                f"A registered user {'cannot sign in' if right else 'signs in with any password'}",
                expected="a log-in with the registered password and with no other",
                observed=answer.summary(),
            )


@check("R1", group="contract", weight=2, requires=("registering_answers_201_with_the_user",))
async def a_taken_address_is_409(env: Env) -> None:
    """Registering with an address that is taken is refused with 409, whatever the case of letters.

    The password of the first user works on, and that of the second does not.
    """
    user = await env.accounts.sign_up()
    for email in (user.email, user.email.upper().replace("EXAMPLE.COM", "example.com")):
        answer = await env.accounts.register(email, other := env.accounts.new_password())
        answer.expect({409}, f"Registering {email} a second time is not refused with 409")
        answer = await env.accounts.try_log_in(user.email, other)
        if answer.ok:
            fail(
                "A registration that was refused changed the password of the user that was there",
                expected="a 401 for the password of the second registration",
                observed=answer.summary(),
            )
    answer = await env.accounts.try_log_in(user.email, user.password)
    answer.expect({200}, "After a second registration was refused the first user cannot sign in")


@check("R2", group="contract", weight=2)
async def logging_in_answers_with_tokens(env: Env) -> None:
    """Signing in is answered with 200, an access token, its kind and life, and a refresh token."""
    email, password = env.accounts.new_email(), env.accounts.new_password()
    registered = await env.accounts.register(email, password)
    registered.given(STORED, "This rests on: a user can be registered")
    wrong = await env.accounts.try_log_in(email, env.accounts.new_password())
    wrong.expect({401}, "Signing in with a wrong password is not answered with 401")
    answer = await env.accounts.try_log_in(email, password)
    answer.expect({200}, "Signing in with the right password is not answered with 200")
    session = answer.item
    for name in ("access_token", "refresh_token"):
        if not isinstance(session.get(name), str) or not session[name]:
            fail(
                f"The answer to a log-in has no {name}",
                expected="access_token, token_type, expires_in and refresh_token",
                observed=f"only {', '.join(map(str, session)) or 'nothing of it'}",
            )
    if str(session.get("token_type")).lower() != "bearer":
        fail(
            "The kind of the token is not said",
            expected="token_type bearer",
            observed=repr(session.get("token_type")),
        )
    life = session.get("expires_in")
    if not isinstance(life, int | float) or not 0 < life <= _LONGEST_LIFE:
        fail(
            "The life of the access token is not right",
            expected=f"expires_in in seconds, at most {_LONGEST_LIFE}",
            observed=repr(life),
        )


@check("R2", group="contract", requires=("logging_in_answers_with_tokens",))
async def a_log_in_that_fails_tells_nothing(env: Env) -> None:
    """A wrong password and an unknown address get the same status 401 and the same text.

    What differs between two answers of one kind, such as a trace id, does not count, nor does the
    address itself.
    """
    user = await env.accounts.sign_up()
    wrong = [
        await env.accounts.try_log_in(user.email, env.accounts.new_password()) for _ in range(2)
    ]
    strangers = [env.accounts.new_email() for _ in range(2)]
    unknown = [await env.accounts.try_log_in(e, env.accounts.new_password()) for e in strangers]
    for answer in (*wrong, *unknown):
        answer.expect({401}, "A log-in that must fail is not answered with 401")
    known = [_told(answer, user.email) for answer in wrong]
    foreign = [_told(answer, email) for answer, email in zip(unknown, strangers, strict=True)]
    steady = {
        name
        for name in {*known[0], *foreign[0]}
        if known[0].get(name) == known[1].get(name) and foreign[0].get(name) == foreign[1].get(name)
    }
    differing = [name for name in steady if known[0].get(name) != foreign[0].get(name)]
    if differing:
        fail(
            "The answer to a failed log-in tells whether the address is registered",
            expected="one text for a wrong password and for an unknown address",
            observed=f"{wrong[0].summary()} against {unknown[0].summary()}",
        )


def _told(answer: Answer, email: str) -> dict[str, str]:
    """What an answer says, by name, without the address that was sent."""
    value = answer.json
    if not isinstance(value, dict):
        return {"text": answer.text.replace(email, "")}
    return {str(name): repr(inner).replace(email, "") for name, inner in value.items()}


@check("R8", group="contract", weight=3)
async def an_added_order_is_answered_whole(env: Env) -> None:
    """An order that was added is answered with 201 and whole, and is there when it is asked for.

    Whole means an id, the user's own id, what was sent, the status `pending` and the time.
    """
    user = await env.accounts.member("buyer")
    body = new_order(env)
    answer = await env.call("create_order", body, by=user)
    answer.expect({201}, "A well-formed order is not answered with 201")
    order = answer.item
    if not isinstance(order.get("id"), str) or not order["id"]:
        fail("The answer to a new order has no id", expected="a UUID", observed=answer.summary())
    _compare(order, {**body, "status": "pending"}, "The answer is not the order that was sent")
    if not same(order.get("user_id"), user.id):
        fail(
            "A new order does not belong to the signed-in user",
            expected=f"user_id = {user.id!r}",
            observed=f"user_id = {order.get('user_id')!r}",
        )
    _true_time(order, "a new order")
    again = await read_order(env, user, order["id"])
    again.expect({200}, "An order that was added is not found afterwards")
    _compare(again.item, body, "An order is not read as it was added")


@check("R8", group="contract", weight=0.5, requires=(BASE,))
async def the_location_of_a_new_order_answers(env: Env) -> None:
    """Where a new order comes with a Location header, a GET on it answers 200."""
    user = await env.accounts.member("buyer")
    answer = await env.call("create_order", new_order(env), by=user)
    answer.given(STORED, "This rests on: an order can be added")
    location = answer.reply.headers.get("Location")
    if not location:
        not_applicable("There is no Location header, which the statement leaves open")
    parts = urlsplit(urljoin(env.dialect.path("create_order"), location))
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    reply = await env.get(path, by=user)
    if reply.status != 200:
        fail(
            "The Location of a new order does not answer 200",
            expected=f"200 from GET {path}",
            observed=str(reply),
        )


@check("R10", group="contract", weight=2, requires=(BASE,))
async def an_order_is_read_as_it_was_added(env: Env) -> None:
    """An order is read with the values it was answered with, and an unknown one is a 404."""
    user = await env.accounts.member("buyer")
    order = await add_order(env, user)
    answer = await read_order(env, user, order["id"])
    answer.expect({200}, "An order of one's own is not answered with 200")
    names = ("id", "user_id", "total_cents", "currency", "status")
    _compare(answer.item, {n: order.get(n) for n in names}, "An order is not read as it was added")
    if instant(answer.item.get("created_at")) != instant(order.get("created_at")):
        fail(
            "The created_at of an order differs between its answer and a later one",
            expected=repr(order.get("created_at")),
            observed=repr(answer.item.get("created_at")),
        )
    answer = await read_order(env, user, unknown_id(env))
    answer.expect({404}, "An order that does not exist is not answered with 404")


@check("R10", group="contract", weight=2, requires=(BASE,))
async def the_list_shows_the_users_orders(env: Env) -> None:
    """The list holds exactly the orders of the signed-in user, newest first, each of them whole."""
    user, other = [await env.accounts.sign_up() for _ in range(2)]
    bodies = [new_order(env) for _ in range(4)]
    added = []
    for body in bodies:
        answer = await env.call("create_order", body, by=user)
        added.append(stored(answer))
        await add_order(env, other)
        # Times of whole milliseconds must be able to tell them apart.
        await asyncio.sleep(0.003)
    items = await listed(env, user)
    wanted = [str(order["id"]) for order in reversed(added)]
    seen = [str(item.get("id")) for item in items]
    if seen != wanted:
        fail(
            "The list does not hold exactly the orders of the user, newest first",
            expected=f"orders {', '.join(wanted)}",
            observed=f"orders {', '.join(seen) or '(none)'}",
        )
    for item, body in zip(items, reversed(bodies), strict=True):
        _compare(item, {**body, "status": "pending"}, "An order in the list is not whole")
        _true_time(item, "an order in the list")


@check("R11", group="contract", weight=2, requires=(BASE,))
async def a_change_changes_just_what_it_names(env: Env) -> None:
    """A change is answered with 200 and the whole order, and nothing but what it names is changed.

    Each of the three fields by itself, an amount of nothing too, then two at once; after each the
    order is read again.
    """
    user = await env.accounts.member("buyer")
    order = await add_order(env, user, currency="EUR")
    now = {name: order.get(name) for name in ("id", "user_id", "total_cents", "currency", "status")}
    for fields in (
        {"currency": "USD"},
        {"total_cents": 17},
        {"total_cents": 0},
        {"total_cents": 18, "currency": "CHF"},
        {"status": "paid"},
    ):
        answer = await change(env, user, order["id"], **fields)
        answer.expect({200}, f"A change of {' and '.join(fields)} is not answered with 200")
        now |= fields
        _compare(answer.item, now, f"After a change of {' and '.join(fields)} the answer is wrong")
        again = await read_order(env, user, order["id"])
        again.given({200}, "This rests on: an order can be read")
        _compare(again.item, now, f"After a change of {' and '.join(fields)} the order is wrong")


@check("R8", group="contract", requires=(BASE,))
async def times_are_true_and_have_an_offset(env: Env) -> None:
    """The time an order was made is RFC 3339 with an offset, and true, wherever it is shown.

    Compared with the judge's clock while the service runs under another time zone. Two minutes of
    difference are allowed.
    """
    user = await env.accounts.member("buyer")
    order = await add_order(env, user)
    read = await read_order(env, user, order["id"])
    shown = with_id(await listed(env, user), order["id"])
    read.given({200}, "This rests on: an order can be read")
    if shown is None:
        unmet("This rests on: an added order is in the list")
    for item, where in ((order, "a new order"), (read.item, "an order"), (shown, "a listed one")):
        moment = instant(item.get("created_at"))
        now = datetime.now(UTC)
        if moment is None:
            fail(
                f"The created_at of {where} is not RFC 3339 with an offset",
                expected="such as 2024-05-17T09:30:00Z or 2024-05-17T11:30:00+02:00",
                observed=repr(item.get("created_at")),
            )
        if abs((moment - now).total_seconds()) > _CLOCK_SLACK:
            fail(
                f"The created_at of {where} is not the time it was made",
                expected=f"about {now.isoformat(timespec='seconds')}",
                observed=str(item["created_at"]),
            )


def _compare(item: Item, wanted: Mapping[str, Any], claim: str) -> None:
    for name, value in wanted.items():
        if type(item.get(name)) is type(value) and item.get(name) == value:
            continue
        fail(
            f"{claim}: {name} {'differs' if name in item else 'is missing'}",
            expected=f"{name} = {value!r}",
            observed=f"{name} = {item[name]!r}" if name in item else f"only {', '.join(item)}",
        )


def _true_time(item: Item, where: str) -> None:
    """Fail unless there is a created_at at all; whether it is true is asked elsewhere."""
    if not item.get("created_at"):
        fail(
            f"There is no created_at in {where}",
            expected="created_at, set by the service",
            observed=", ".join(sorted(item)) or "nothing",
        )
