"""Crashes and stops: what was acknowledged stays, what is under way is finished."""

import asyncio

from acidtest.grader.sdk import (
    SAFETY,
    TIMING,
    Answer,
    Env,
    LastingWrite,
    Request,
    User,
    answered_across_sigterm,
    bearer,
    check,
    expect_end_after_sigterm,
    expect_to_start_again,
    fail,
    replica_name,
    unmet,
)

from ._desk import BASE, STORED, add_order, change, listed, new_order, read_order, stored, with_id
from ._rows import rows_of

_ORDERS = 6
_REACH = 4.0
_RECOVERY = 10.0


@check("R15", group="crashes", kind=SAFETY, weight=3, requires=(BASE,), deadline=90.0)
async def what_was_acknowledged_survives_a_kill(env: Env) -> None:
    """What was answered with 201 or 200 is there after kill -9 and a restart.

    Orders, a change, and a user who was registered at the last moment and signs in afterwards.
    """
    user = await env.accounts.sign_up()
    ids = []
    async with env.postgres.slowed(0.04):
        email, password = env.accounts.new_email(), env.accounts.new_password()
        registered = await env.accounts.register(email, password)
        for _ in range(_ORDERS):
            answer = await env.call("create_order", new_order(env), by=user)
            if answer.status in STORED:
                ids.append(answer.item["id"])
        if not ids:
            unmet("No order could be added")
        changed = await change(env, user, ids[0], status="paid")
        await env.service.kill()
    await expect_to_start_again(env)
    user.session = await env.accounts.log_in(user)
    orders = await listed(env, user)
    missing = [order_id for order_id in ids if with_id(orders, order_id) is None]
    if missing:
        fail(
            "An order that was answered with 201 is gone after kill -9 and a restart",
            expected=f"all {len(ids)} orders",
            observed=f"missing: {len(missing)}, such as {missing[0]}",
        )
    again = await read_order(env, user, ids[0])
    if changed.ok and (again.status != 200 or again.item.get("status") != "paid"):
        fail(
            "A change that was answered with 200 is gone after kill -9 and a restart",
            expected="status = 'paid'",
            observed=again.summary(),
        )
    if registered.ok:
        answer = await env.accounts.try_log_in(email, password)
        answer.expect({200}, "A user who was answered with 201 is gone after kill -9")


@check("R9", group="crashes", kind=SAFETY, weight=3, requires=(BASE,), deadline=90.0)
async def a_kill_between_commit_and_answer_makes_no_second_order(env: Env) -> None:
    """After kill -9 between commit and answer the repeated request gets the order that was stored.

    The instance is killed while the answer to its commit is held. The client repeats the request at
    the other instance, with the same key, for up to ten seconds: there is one order, and the
    repeated request is answered with it.
    """
    user = await env.accounts.sign_up()
    key, body = env.new_key(), new_order(env)
    gate = env.postgres.gate(LastingWrite(replica_name(env, 0)), side="reply")
    with gate:
        asking = asyncio.ensure_future(
            env.call("create_order", body, by=user, key=key, replica=0, deadline=15.0)
        )
        try:
            if not await gate.reached(timeout=_REACH):
                unmet("No commit of this order was seen, so nothing could be killed at that moment")
            await env.service.kill(0)
            await gate.forward_and_cut()
            first = await asking
        finally:
            asking.cancel()
    if first.ok:
        unmet("The answer came before the instance could be killed")
    await _expect_the_stored_order(env, user, key, body)


async def _expect_the_stored_order(env: Env, user: User, key: str, body: dict[str, object]) -> None:
    last: list[Answer] = []

    async def given() -> bool:
        answer = await env.call("create_order", body, by=user, key=key, replica=1, deadline=8.0)
        last.append(answer)
        return answer.status in STORED

    if not await env.until(given, within=_RECOVERY, every=0.3):
        fail(
            "After a kill between commit and answer the repeated request never gets its order",
            expected=f"the stored order within {_RECOVERY:.0f} s",
            observed=last[-1].summary(),
        )
    rows = await rows_of(env, body["total_cents"])
    if rows != 1 or with_id(await listed(env, user, replica=1), last[-1].item.get("id")) is None:
        fail(
            "A kill between commit and answer led to another order than the stored one",
            expected="one order, and the answer with it",
            observed=f"{rows} rows; {last[-1].summary()}",
        )


@check("R15", group="crashes", weight=2, requires=(BASE,))
async def a_request_under_way_is_finished_after_sigterm(env: Env) -> None:
    """After SIGTERM a request that is under way is finished.

    A new order is held on its way into the database, SIGTERM is sent, and less than a second later
    the write goes on. Its answer must be 201, and the order must be stored.
    """
    user = await env.accounts.sign_up()
    await add_order(env, user, replica=0)
    body = new_order(env)
    write = env.call("create_order", body, by=user, replica=0, deadline=15.0)
    answer = await answered_across_sigterm(env, write)
    answer.expect(STORED, "A request that was under way at SIGTERM is not finished")
    if not await rows_of(env, body["total_cents"]):
        fail(
            "An order that was under way at SIGTERM was answered as stored and is not there",
            expected="the order in the database",
            observed=answer.summary(),
        )


@check("R15", group="crashes", kind=TIMING, weight=1, requires=(BASE,))
async def the_process_ends_after_sigterm(env: Env) -> None:
    """After SIGTERM the process ends within ten seconds, though a client keeps its connection open.

    Two seconds more are allowed. That it is killed in the end is the judge's work, not its own.
    """
    user = await env.accounts.sign_up()
    stored(await env.call("create_order", new_order(env), by=user, replica=0))
    idle = Request("GET", env.dialect.path("list_orders"), headers=bearer(user))
    await env.http.send(idle, replica=0, keep_alive=True)
    await expect_end_after_sigterm(env)
