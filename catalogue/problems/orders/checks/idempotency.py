"""One key, one order: repeated, at once, with another body, by others, after a lost answer."""

import asyncio
from collections import Counter

from acidtest.grader.sdk import (
    SAFETY,
    Answer,
    Env,
    LastingWrite,
    check,
    clip,
    fail,
    replica_name,
    unmet,
)

from ._desk import BASE, STORED, UNDER_WAY, new_order, new_total, same, stored, with_id
from ._desk import listed as listed_orders
from ._rows import rows_of

_CROWD = 20
_ROUNDS = 2
_REACH = 4.0
_RECOVERY = 10.0
_BUSY = 503
REPLAYED = "a_repeated_order_gets_the_stored_answer"


@check("R9", group="idempotency", kind=SAFETY, weight=3, requires=(BASE,))
async def a_repeated_order_gets_the_stored_answer(env: Env) -> None:
    """The same key with the same body again gives the same status and body, byte for byte.

    Repeated at both instances, and once more after the order was paid: the answer is the stored one
    and there is one row. The key is tried bare and in double quotes.
    """
    user = await env.accounts.member("buyer")
    for quoted in (False, True):
        key = f'"{env.new_key()}"' if quoted else env.new_key()
        body = new_order(env)
        first = await env.call("create_order", body, by=user, key=key, replica=0)
        order = stored(first)
        again = [
            await env.call("create_order", body, by=user, key=key, replica=n % env.replicas)
            for n in range(3)
        ]
        await env.call("change_order", {"status": "paid"}, by=user, order_id=order["id"])
        again.append(await env.call("create_order", body, by=user, key=key))
        for answer in again:
            _expect_replay(first, answer)
        await _expect_one_row(env, body["total_cents"])


@check("R9", group="idempotency", kind=SAFETY, weight=4, requires=(BASE,), deadline=60.0)
async def one_key_at_once_is_one_order(env: Env) -> None:
    """Twenty requests with one key at the same moment, at two instances, are one order.

    The database answers 20 ms later than usual, so that look-then-insert always loses. Each is
    answered with the stored order, with 409 or 425, or with 503; every 2xx is the same order, and
    afterwards the key gives it.
    """
    user = await env.accounts.member("buyer")
    for _ in range(_ROUNDS):
        key, body = env.new_key(), new_order(env)
        async with env.postgres.slowed(0.02), asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(
                    env.call(
                        "create_order",
                        body,
                        by=user,
                        key=key,
                        replica=n % env.replicas,
                        deadline=20.0,
                    )
                )
                for n in range(_CROWD)
            ]
        answers = [task.result() for task in tasks]
        winners = [answer for answer in answers if answer.status in STORED]
        _expect_no_fault(answers)
        if not winners:
            fail(
                "Of twenty requests with one key none was answered with the order",
                expected="at least one 201",
                observed=str(dict(Counter(answer.status for answer in answers))),
            )
        ids = {str(answer.item.get("id")) for answer in winners}
        if len(ids) != 1:
            fail(
                "One key at the same moment was answered with different orders",
                expected="one order",
                observed=f"{len(ids)} orders: {', '.join(sorted(ids))}",
            )
        await _expect_one_row(env, body["total_cents"])
        last = await env.call("create_order", body, by=user, key=key)
        last.expect(STORED, "After a crowd with one key the key does not give its order")
        if not same(last.item.get("id"), next(iter(ids))):
            fail(
                "After a crowd with one key the key gives another order",
                expected=next(iter(ids)),
                observed=last.summary(),
            )


@check("R9", group="idempotency", kind=SAFETY, weight=2, requires=(REPLAYED,))
async def a_key_with_another_body_is_refused(env: Env) -> None:
    """The same key with another body is refused with 409 or 422, and the first order stays.

    Another amount, and another currency. Afterwards the key still gives the stored answer.
    """
    user = await env.accounts.member("buyer")
    key, body = env.new_key(), new_order(env, currency="EUR")
    first = await env.call("create_order", body, by=user, key=key)
    stored(first)
    for other in ({**body, "total_cents": new_total(env)}, {**body, "currency": "USD"}):
        answer = await env.call("create_order", other, by=user, key=key)
        answer.expect({409, 422}, "A key that was used with another body is not refused")
    _expect_replay(first, await env.call("create_order", body, by=user, key=key))
    await _expect_one_row(env, body["total_cents"])


@check("R9", group="idempotency", kind=SAFETY, weight=2, requires=(REPLAYED,))
async def a_key_belongs_to_its_user(env: Env) -> None:
    """The same key and body of somebody else make another order, and show nothing of the first."""
    user, other = [await env.accounts.member(name) for name in ("buyer", "other")]
    key, body = env.new_key(), new_order(env)
    mine = stored(await env.call("create_order", body, by=user, key=key))
    answer = await env.call("create_order", body, by=other, key=key)
    answer.expect(STORED, "A key that somebody else used is refused")
    theirs = answer.item
    if same(theirs.get("id"), mine["id"]) or same(theirs.get("user_id"), user.id):
        fail(
            "The key of one user gives the order of another",
            expected="an order of their own",
            observed=answer.summary(),
        )
    if with_id(await listed_orders(env, other), theirs.get("id")) is None:
        fail(
            "An order under a key that somebody else had used is not in the list of its user",
            expected=f"order {theirs.get('id')}",
            observed="a list without it",
        )


@check("R9", group="idempotency", weight=1, requires=(BASE,))
async def an_order_without_a_key_is_refused(env: Env) -> None:
    """An order without an Idempotency-Key is refused with 400 and not stored."""
    user = await env.accounts.member("buyer")
    stored(await env.call("create_order", new_order(env), by=user))
    body = new_order(env)
    answer = await env.call("create_order", body, by=user, key=False)
    answer.expect({400}, "An order without an Idempotency-Key is not refused with 400")
    if await rows_of(env, body["total_cents"]):
        fail(
            "An order without an Idempotency-Key was refused and stored all the same",
            expected="no row",
            observed="a row",
        )


@check("R9", group="idempotency", requires=(BASE,))
async def any_printable_key_is_accepted(env: Env) -> None:
    """Keys of one and of 255 printable characters are accepted, and tell their orders apart.

    Two keys that differ only in their last character are two keys.
    """
    user = await env.accounts.member("buyer")
    long = env.word(254)
    keys = [env.rng.choice("bcdfgh"), f"{long}a", f"{long}b", "order:2024/05/17+a=b_c~d.e@f#7"]
    ids = set()
    for key in keys:
        answer = await env.call("create_order", new_order(env), by=user, key=key)
        answer.expect(STORED, f"A key of {len(key)} printable characters is refused")
        ids.add(str(answer.item.get("id")))
    if len(ids) != len(keys):
        fail(
            "Different keys gave the same order",
            expected=f"{len(keys)} orders",
            observed=f"{len(ids)} orders",
        )


@check("R9", group="idempotency", weight=2, requires=(BASE,))
async def a_refused_order_does_not_use_up_its_key(env: Env) -> None:
    """A key under which a broken order was refused can be used for the mended one."""
    user = await env.accounts.member("buyer")
    for broken in ({"total_cents": -1}, {"currency": "EURO"}, {"total_cents": "100"}):
        key = env.new_key()
        refused = await env.call("create_order", new_order(env, **broken), by=user, key=key)
        refused.given({400, 422}, "This rests on: a broken order is refused")
        answer = await env.call("create_order", new_order(env), by=user, key=key)
        answer.expect(STORED, "A key whose first request was refused as broken is used up")


@check("R9", group="idempotency", kind=SAFETY, weight=2, requires=(REPLAYED,))
async def keys_outlive_redis(env: Env) -> None:
    """A key holds whatever happens to Redis: emptied, or unreachable at the repetition."""
    user = await env.accounts.member("buyer")
    key, body = env.new_key(), new_order(env)
    first = await env.call("create_order", body, by=user, key=key)
    stored(first)
    await env.cache.flushall()
    _expect_replay(first, await env.call("create_order", body, by=user, key=key))
    async with env.redis.refused():
        answer = await env.call("create_order", body, by=user, key=key)
    if answer.status in STORED:
        _expect_replay(first, answer)
    await _expect_one_row(env, body["total_cents"])


@check("R9", group="idempotency", kind=SAFETY, weight=3, requires=(REPLAYED,), deadline=60.0)
async def a_lost_commit_answer_makes_no_second_order(env: Env) -> None:
    """When the database commits and its answer is lost, the repeated request makes no second order.

    The connection is cut right after the server committed. The client repeats the same request, for
    up to ten seconds, until it is answered with the order: it is the one that was stored.
    """
    user = await env.accounts.member("buyer")
    key, body = env.new_key(), new_order(env)
    gate = env.postgres.gate(LastingWrite(replica_name(env, 0)), side="reply")
    with gate:
        asking = asyncio.ensure_future(
            env.call("create_order", body, by=user, key=key, replica=0, deadline=15.0)
        )
        try:
            if not await gate.reached(timeout=_REACH):
                unmet("No commit of this order was seen, so its answer could not be lost")
            await gate.forward_and_cut()
            await asking
        finally:
            asking.cancel()
    await _settle(env, body["total_cents"])
    last: list[Answer] = []

    async def given() -> bool:
        last.append(await env.call("create_order", body, by=user, key=key, deadline=8.0))
        return last[-1].status in STORED

    if not await env.until(given, within=_RECOVERY, every=0.3):
        fail(
            "After a lost answer the repeated request never gets its order",
            expected=f"the stored order within {_RECOVERY:.0f} s",
            observed=last[-1].summary(),
        )
    await _expect_one_row(env, body["total_cents"])
    orders = await listed_orders(env, user)
    if with_id(orders, last[-1].item.get("id")) is None:
        fail(
            "The order that a repeated request was answered with does not exist",
            expected="the order that was stored",
            observed=last[-1].summary(),
        )


async def _settle(env: Env, total: int) -> None:
    """Wait until the order that was committed can be seen, as the server knows it."""

    async def there() -> bool:
        return await rows_of(env, total) > 0

    await env.until(there, within=2.0)


def _expect_replay(first: Answer, again: Answer) -> None:
    if again.status == first.status and again.reply.body == first.reply.body:
        return
    fail(
        "The same key with the same body does not give the stored answer",
        expected=f"{first.status} {clip(first.text, 300)}",
        observed=again.summary(),
    )


def _expect_no_fault(answers: list[Answer]) -> None:
    # No answer at all may be the machine's doing; the rows and the other answers decide.
    allowed = {*STORED, *UNDER_WAY, _BUSY, None}
    odd = [answer for answer in answers if answer.status not in allowed]
    if odd:
        fail(
            "A request whose key is in use at that moment is answered with something else",
            expected="the stored order, 409 or 425",
            observed=f"{dict(Counter(a.status for a in answers))}; {odd[0].summary()}",
        )


async def _expect_one_row(env: Env, total: int) -> None:
    rows = await rows_of(env, total)
    if rows != 1:
        fail(
            f"One key made {rows} orders",
            expected="one row",
            observed=f"{rows} rows with the amount {total}",
        )
