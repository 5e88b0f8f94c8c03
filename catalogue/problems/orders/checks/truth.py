"""What was answered is true: at every instance, at once, and only what the database has."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from acidtest.grader.sdk import (
    SAFETY,
    Env,
    LastingWrite,
    check,
    fail,
    replica_name,
    unknown,
)

from ._desk import BASE, STORED, change, listed, new_order, read_order, stored, with_id
from ._rows import Kept, find_rows, rows_of

_RIVALS = 10
_PATIENCE = 0.4
"""Seconds for which an answer must not come while its commit is held."""
_REACH = 4.0
_TRIES = 5


@check("R14", group="truth", kind=SAFETY, weight=3, requires=(BASE,))
async def what_was_answered_is_seen_at_every_instance(env: Env) -> None:
    """An order answered with 201 and a change answered with 200 are seen by the very next request.

    Read and listed at the other instance, five times to and fro.
    """
    user = await env.accounts.member("buyer")
    for turn in range(_TRIES):
        here, there = turn % env.replicas, (turn + 1) % env.replicas
        body = new_order(env, currency="EUR")
        answer = await env.call("create_order", body, by=user, replica=here)
        order = stored(answer)
        read = await read_order(env, user, order["id"], replica=there)
        read.expect({200}, "An order answered with 201 is not found at the other instance")
        if with_id(await listed(env, user, replica=there), order["id"]) is None:
            fail(
                "An order answered with 201 is not in the very next list",
                expected=f"order {order['id']}",
                observed="a list without it",
            )
        changed = await change(env, user, order["id"], replica=here, currency="USD")
        changed.given({200}, "This rests on: an order can be changed")
        for again in (
            await read_order(env, user, order["id"], replica=there),
            await read_order(env, user, order["id"], replica=here),
        ):
            if again.status != 200 or again.item.get("currency") != "USD":
                fail(
                    "A change answered with 200 is not seen by the very next request",
                    expected="currency = 'USD'",
                    observed=again.summary(),
                )


@check("R14", group="truth", kind=SAFETY, weight=3, requires=(BASE,))
async def a_refused_commit_is_no_success(env: Env) -> None:
    """When the database refuses to commit, the answer is no success, for an order and for a change.

    A constraint that is only checked at the commit refuses every change of the orders for a moment.
    The answer may be any 4xx or 5xx; there must be no row, and the row must be as it was.
    """
    kept = await find_rows(env)
    user = kept.owner
    body = new_order(env)
    async with _refusing(env, kept, "deferrable initially deferred", "23514"):
        added = await env.call("create_order", body, by=user)
        changed = await change(env, user, kept.item["id"], status="paid")
    for answer, what in ((added, "an order"), (changed, "a change")):
        if answer.status is not None and answer.status < 400:
            fail(
                f"{what[0].upper()}{what[1:]} is answered as done though its commit was refused",
                expected="a 5xx or 4xx",
                observed=answer.summary(),
            )
    if await rows_of(env, body["total_cents"]):
        fail("An order whose commit was refused is there", expected="no row", observed="a row")
    again = await env.call("create_order", new_order(env), by=user)
    again.expect(STORED, "After a refused commit orders cannot be added any more")


@check("R14", group="truth", kind=SAFETY, weight=3, requires=(BASE,), deadline=60.0)
async def an_answer_of_201_comes_after_the_commit(env: Env) -> None:
    """Nothing is answered with 201 before the database has it for good.

    What makes the order last is held on its way to the database: no 2xx may come meanwhile. Then
    the connection is cut instead: an answer of 2xx is right only if the row is there all the same.
    """
    user = await env.accounts.member("buyer")
    stored(await env.call("create_order", new_order(env), by=user, replica=0))
    body = new_order(env)
    with env.postgres.gate(LastingWrite(replica_name(env, 0))) as gate:
        asking = asyncio.ensure_future(
            env.call("create_order", body, by=user, replica=0, deadline=15.0)
        )
        try:
            reached = await gate.reached(timeout=_REACH)
            await asyncio.wait({asking}, timeout=_PATIENCE)
            early = asking.result() if asking.done() else None
            gate.cut()
            answer = await asking
        finally:
            asking.cancel()
    if reached and early is not None and early.ok:
        fail(
            "The answer came before the database had committed",
            expected="no 2xx while the commit is held",
            observed=early.summary(),
        )
    if answer.ok and not await rows_of(env, body["total_cents"]):
        fail(
            "An order that the database never committed was answered as stored",
            expected="an error, or the row",
            observed=f"{answer.summary()}, and no row",
        )


@check("R16", group="truth", weight=2, requires=(BASE,))
async def a_serialization_failure_is_no_500(env: Env) -> None:
    """A serialization failure or a deadlock is tried again or answered with 409 or 503.

    The database refuses the next write of an order with 40001, then with 40P01, once and then
    always, while orders are added. Once it is over, an order that was answered is there once.
    """
    kept = await find_rows(env)
    user = kept.owner
    for code in ("40001", "40P01"):
        for always in (False, True):
            body = new_order(env)
            async with _refusing(env, kept, "", code, always=always):
                answer = await env.call("create_order", body, by=user, deadline=15.0)
            answer.expect(
                {*STORED, 409, 503},
                f"SQLSTATE {code} of the database is answered with something else",
            )
            rows = await rows_of(env, body["total_cents"])
            if rows != (1 if answer.status in STORED else 0):
                fail(
                    f"After SQLSTATE {code} the answer and the rows differ",
                    expected="one row for 201, none otherwise",
                    observed=f"{rows} rows and {answer.summary()}",
                )


@check(
    "R1",
    group="truth",
    kind=SAFETY,
    weight=3,
    requires=("registering_answers_201_with_the_user",),
    deadline=75.0,
)
async def rivals_for_one_address_have_one_winner(env: Env) -> None:
    """When many register one address at once at two instances, one gets 201 and all others 409.

    Ten at a time with 20 ms more for every round trip to the database; 503 is accepted where
    passwords wait too long to be hashed. No other 5xx, one row, and only the winner's password.
    """
    email = env.accounts.new_email()
    # A third of them writes it with a capital letter, which makes no other address of it.
    emails = [email if n % 3 else email.capitalize() for n in range(_RIVALS)]
    passwords = [env.accounts.new_password() for _ in range(_RIVALS)]
    async with env.postgres.slowed(0.02), asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(
                env.accounts.register(
                    emails[n],
                    password,
                    replica=n % env.replicas,
                    deadline=30.0,
                )
            )
            for n, password in enumerate(passwords)
        ]
    answers = [task.result() for task in tasks]
    winners = [n for n, answer in enumerate(answers) if answer.status in STORED]
    # No answer at all may be the machine's doing; it may have won without saying so.
    silent = any(answer.status is None for answer in answers)
    odd = [a for a in answers if a.status not in {*STORED, 409, 503, None}]
    if silent and not winners:
        unknown("No rival was answered as registered, and some were not answered at all")
    if odd or len(winners) != 1:
        shown = odd[0] if odd else answers[0]
        fail(
            f"Of ten rivals for one address {len(winners)} are registered",
            expected="one 201, and 409 for all others",
            observed=f"{dict(Counter(a.status for a in answers))}; {shown.summary()}",
        )
    answer = await env.accounts.try_log_in(emails[winners[0]], passwords[winners[0]])
    answer.expect({200}, "The winner of a race for an address cannot sign in")


@asynccontextmanager
async def _refusing(
    env: Env, kept: Kept, when: str, code: str, *, always: bool = True
) -> AsyncIterator[None]:
    """Let the database refuse changes of the orders with an SQLSTATE, always or the next time."""
    word = f"acidtest_{env.word(8)}"
    name = f"{kept.orders.rpartition('.')[0]}.{word}"
    once = "true" if always else f"nextval('{name}') = 1"
    kind, moment = ("constraint trigger", "after") if when else ("trigger", "before")
    await env.db.execute(
        f"create sequence {name};"
        f" create function {name}() returns trigger language plpgsql security definer as $$ begin"
        f" if {once} then raise exception 'refused for a moment' using errcode = '{code}'; end if;"
        f" return new; end $$;"
        f" create {kind} {word} {moment} insert or update on {kept.orders} {when}"
        f" for each row execute function {name}()"
    )
    try:
        yield
    finally:
        await env.db.execute(
            f"drop trigger {word} on {kept.orders}; drop function {name}(); drop sequence {name}"
        )
