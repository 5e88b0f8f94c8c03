"""Changes of an order: what may be changed when, and changes at the same moment."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Any

from acidtest.grader.sdk import (
    SAFETY,
    Answer,
    Env,
    Item,
    User,
    check,
    fail,
    not_applicable,
    replica_name,
)

from ._desk import REFUSED, add_order, change, new_order, new_total, read_order, stored
from ._rows import row_of

_CHANGED = "a_change_changes_just_what_it_names"
_ROUNDS = 4
_REACH = 1.5
_LOST_OR_LATER = frozenset({200, 409, 412, 503})


@check("R11", group="auth", kind=SAFETY, weight=2, requires=(_CHANGED,))
async def a_change_of_what_a_client_may_not_set_is_refused(env: Env) -> None:
    """A change with an unknown field, or one only the service sets, is refused and changes nothing.

    With 400 or 422; each alone and beside a good field, which must not be written either.
    """
    user, other = [await env.accounts.member(name) for name in ("buyer", "other")]
    body = new_order(env, currency="EUR")
    order = stored(await env.call("create_order", body, by=user))
    before = await row_of(env, body["total_cents"])
    strange: dict[str, Any] = {
        env.word(9): 1,
        "id": "3f2b8f9e-6f0c-4a55-9a61-0d3c5c0b7a11",
        "user_id": other.id,
        "created_at": "2001-02-03T04:05:06Z",
        "is_admin": True,
    }
    for name, value in strange.items():
        for fields in ({name: value}, {"currency": "USD", name: value}):
            answer = await change(env, user, order["id"], **fields)
            answer.expect(REFUSED, f"A change with the field {name} is not refused")
    await _expect_untouched(env, body, before, "with a field that a client may not set")


@check("R12", group="auth", requires=(_CHANGED,))
async def a_change_that_breaks_a_rule_is_refused(env: Env) -> None:
    """A change to a value that breaks a rule is refused with 400 or 422 and changes nothing."""
    user = await env.accounts.member("buyer")
    body = new_order(env, currency="EUR")
    order = stored(await env.call("create_order", body, by=user))
    before = await row_of(env, body["total_cents"])
    broken: tuple[dict[str, Any], ...] = (
        {"total_cents": -1},
        {"total_cents": 10.5},
        {"total_cents": "100"},
        {"total_cents": True},
        {"total_cents": None},
        {"currency": "EURO"},
        {"currency": "QQQ"},
        {"currency": None},
        {"status": "refunded"},
        {"status": 1},
        {"status": None},
        {"currency": "USD", "total_cents": -1},
    )
    for fields in broken:
        answer = await change(env, user, order["id"], **fields)
        answer.expect(REFUSED, f"A change to {fields} is not refused")
    await _expect_untouched(env, body, before, "that was refused")


@check("R11", group="auth", weight=3, requires=(_CHANGED,))
async def only_a_pending_order_changes(env: Env) -> None:
    """Only `pending` becomes `paid` or `cancelled`; anything else is 409 and changes nothing.

    Tried are all changes of status, amount and currency of a paid and of a cancelled order. Writing
    the value that is there already may be accepted.
    """
    user = await env.accounts.member("buyer")
    for settled in ("paid", "cancelled"):
        body = new_order(env, currency="EUR")
        order = stored(await env.call("create_order", body, by=user))
        answer = await change(env, user, order["id"], status=settled)
        answer.expect({200}, f"A pending order does not become {settled}")
        before = await row_of(env, body["total_cents"])
        others = [name for name in ("pending", "paid", "cancelled") if name != settled]
        moves: list[dict[str, Any]] = [{"status": name} for name in others]
        moves += [{"total_cents": new_total(env)}, {"currency": "USD"}]
        moves += [{"status": others[1], "currency": "USD"}]
        for fields in moves:
            answer = await change(env, user, order["id"], **fields)
            answer.expect(
                {409}, f"A change of a {settled} order to {fields} is not refused with 409"
            )
        answer = await change(env, user, order["id"], status=settled)
        answer.expect({200, 409}, f"Writing {settled} again is neither accepted nor refused")
        if not answer.ok:
            await _expect_untouched(env, body, before, f"of a {settled} order")
        again = await read_order(env, user, order["id"])
        _expect_fields(
            again, {**body, "status": settled}, f"After refused changes of a {settled} order"
        )


@check("R11", group="auth", weight=1, requires=(_CHANGED,))
async def an_old_etag_is_refused(env: Env) -> None:
    """Where orders have an ETag, a change with an old one in If-Match is refused with 412.

    With the present one it is made.
    """
    user = await env.accounts.member("buyer")
    order = await add_order(env, user, currency="EUR")
    read = await read_order(env, user, order["id"])
    etag = read.reply.headers.get("ETag")
    if not etag or etag.startswith("W/"):
        not_applicable("There is no strong ETag, which the statement leaves open")
    for sent, statuses, fields in (
        (etag, {200}, {"currency": "USD"}),
        (etag, {412}, {"currency": "CHF"}),
        ('"no-such-version"', {412}, {"currency": "GBP"}),
    ):
        answer = await env.call(
            "change_order",
            fields,
            by=user,
            headers={"If-Match": sent},
            order_id=order["id"],
        )
        answer.expect(statuses, f"A change with If-Match: {sent} is answered with something else")
    again = await read_order(env, user, order["id"])
    _expect_fields(again, {"currency": "USD"}, "After a change with an old ETag was refused")


@check("R11", group="truth", kind=SAFETY, weight=3, requires=(_CHANGED,), deadline=75.0)
async def changes_of_different_fields_lose_neither(env: Env) -> None:
    """Two changes of different fields at the same moment, at two instances, lose neither.

    Four times with 20 ms more for every round trip, and once with the first write held until the
    second change has read what it reads. Both are answered with 200; 409, 412 and 503 are accepted
    where that change was not made.
    """
    user = await env.accounts.member("buyer")
    for turn in range(_ROUNDS):
        order = await add_order(env, user, currency="EUR")
        total = new_total(env)
        changes: tuple[dict[str, Any], ...] = ({"total_cents": total}, {"currency": "USD"})
        if turn:
            async with env.postgres.slowed(0.02):
                answers = await _at_once(env, user, order, changes)
        else:
            answers = await _interleaved(env, user, order, changes)
        wanted = {"total_cents": order.get("total_cents"), "currency": "EUR"}
        for answer, fields in zip(answers, changes, strict=True):
            answer.expect(_LOST_OR_LATER, "A change beside another is answered with something else")
            if answer.ok:
                wanted |= fields
        if not any(answer.ok for answer in answers):
            fail(
                "Of two changes of different fields neither is made",
                expected="at least one 200",
                observed=", ".join(answer.summary() for answer in answers),
            )
        again = await read_order(env, user, order["id"])
        _expect_fields(again, wanted, "Of two changes of different fields one is lost")


@check("R11", group="truth", kind=SAFETY, weight=3, requires=(_CHANGED,), deadline=75.0)
async def of_contradicting_changes_one_wins(env: Env) -> None:
    """Of `paid` and `cancelled` at the same moment exactly one is answered with 200.

    At two instances, four times with 20 ms more for every round trip and once with the first write
    held until the second change has read. The other one gets 409 (412 and 503 count as well), and
    the order has the status of the winner.
    """
    user = await env.accounts.member("buyer")
    changes: tuple[dict[str, Any], ...] = ({"status": "paid"}, {"status": "cancelled"})
    for turn in range(_ROUNDS):
        order = await add_order(env, user)
        if turn:
            async with env.postgres.slowed(0.02):
                answers = await _at_once(env, user, order, changes)
        else:
            answers = await _interleaved(env, user, order, changes)
        won = [c for a, c in zip(answers, changes, strict=True) if a.ok]
        statuses = Counter(answer.status for answer in answers)
        if len(won) != 1 or not set(statuses) <= _LOST_OR_LATER:
            fail(
                f"Of two contradicting changes {len(won)} are made",
                expected="one 200 and one 409",
                observed=", ".join(answer.summary() for answer in answers),
            )
        again = await read_order(env, user, order["id"])
        _expect_fields(again, won[0], "After contradicting changes the order is not the winner's")


async def _at_once(
    env: Env, user: User, order: Item, changes: tuple[dict[str, Any], ...]
) -> list[Answer]:
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(change(env, user, order["id"], replica=n % env.replicas, **fields))
            for n, fields in enumerate(changes)
        ]
    return [task.result() for task in tasks]


async def _interleaved(
    env: Env, user: User, order: Item, changes: tuple[dict[str, Any], ...]
) -> list[Answer]:
    """Send both with the first one's write held, so that the second reads what was there before."""
    name = replica_name(env, 0)
    with env.postgres.gate(lambda s: s.is_write and s.replica == name) as gate:
        async with asyncio.TaskGroup() as group:
            first = group.create_task(change(env, user, order["id"], replica=0, **changes[0]))
            await gate.reached(timeout=_REACH)
            second = group.create_task(
                change(env, user, order["id"], replica=env.replicas - 1, **changes[1])
            )
            # Where the first holds a lock the second waits for it; then there is nothing to see.
            await asyncio.wait({second}, timeout=_REACH)
            gate.release()
    return [first.result(), second.result()]


def _expect_fields(answer: Answer, wanted: Mapping[str, Any], claim: str) -> None:
    answer.given({200}, "This rests on: an order can be read")
    item = answer.item
    wrong = [name for name, value in wanted.items() if item.get(name) != value]
    if wrong:
        fail(
            f"{claim}: {wrong[0]} is not right",
            expected=", ".join(f"{name} = {value!r}" for name, value in wanted.items()),
            observed=answer.summary(),
        )


async def _expect_untouched(
    env: Env, body: Mapping[str, Any], before: dict[str, str | None], which: str
) -> None:
    after = await row_of(env, body["total_cents"])
    if after != before:
        fail(
            f"A change {which} changed the row all the same",
            expected="the row as before",
            observed="another row" if after else "no row with the amount any more",
            tables={"before": [before], "after": [after]},
        )
