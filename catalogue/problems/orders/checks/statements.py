"""What the database saw, and what many at once do: statements, connections, hashing."""

import asyncio
from statistics import median

from acidtest.grader.sdk import (
    TIMING,
    Answer,
    Env,
    User,
    check,
    count_statements,
    expect_flat,
    fail,
    unknown,
)

from ._desk import BASE, STORED, add_order, limit_name, new_order

_SIZES = (1, 10, 40)
_MANY = 120
_TOO_MANY = 80
_STREAMS = 8
_ALONE = 3
_SECONDS = 2.5
_SLOW = 0.15
_SHARE = 0.5
_TOO_MANY_CLIENTS = "53300"


@check("R22", group="statements", weight=3, requires=(BASE,))
async def the_list_takes_as_many_statements_for_forty_as_for_one(env: Env) -> None:
    """Listing the orders takes no more SQL statements for forty orders than for one.

    Statements of drivers (BEGIN, SET, pings) do not count, the least of three tries does, and what
    counts is the slope: more than one statement for two further orders fails.
    """
    user = await env.accounts.sign_up()

    async def ask() -> Answer:
        await env.cache.flushdb()
        return await env.call("list_orders", by=user, query={limit_name(env): "100"}, replica=0)

    counts = []
    added = 0
    for size in _SIZES:
        for _ in range(size - added):
            await add_order(env, user)
        added = size
        counts.append(await count_statements(env, ask))
    expect_flat(counts, "GET /orders")


@check("R22", group="statements", kind=TIMING, weight=2, requires=(BASE,), deadline=60.0)
async def connections_stay_bounded(env: Env) -> None:
    """The connections to the database stay bounded when many requests come at once.

    A hundred and twenty requests at the same moment at one instance, while the database answers
    50 ms later than usual. At most eighty connections may be open, and none may be refused. Most
    requests are answered; 429 and 503 count as answers.
    """
    user = await env.accounts.member("buyer")
    start = env.now()
    async with env.postgres.slowed(0.05), asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(
                env.call("create_order", new_order(env), by=user, deadline=25.0)
                if n % 3 == 0
                else env.call("list_orders", by=user, deadline=25.0)
            )
            for n in range(_MANY)
        ]
        peak = await _peak_of_connections(env, tasks)
    refused = [s for s in env.sql_since(start) if (s.error or "").startswith(_TOO_MANY_CLIENTS)]
    if peak > _TOO_MANY or refused:
        fail(
            "The number of connections to the database follows the number of requests",
            expected=f"at most {_TOO_MANY} connections for {_MANY} requests",
            observed=f"{peak} connections, {len(refused)} refused",
        )
    answers = [task.result() for task in tasks]
    good = [a for a in answers if a.status in {*STORED, 429, 503}]
    if len(good) < len(answers) * 0.9:
        odd = next(a for a in answers if a.status not in {*STORED, 429, 503})
        fail(
            "Many requests at once are not answered",
            expected="200 and 201; 429 or 503 where there is too much",
            observed=f"{len(answers) - len(good)} of {len(answers)}, such as {odd.summary()}",
        )


async def _peak_of_connections(env: Env, tasks: list["asyncio.Task[Answer]"]) -> int:
    peak = 0
    async with env.db.connection() as connection:
        while not all(task.done() for task in tasks):
            peak = max(
                peak,
                await connection.fetchval(
                    "select count(*) from pg_stat_activity where datname = current_database()"
                    " and pid <> pg_backend_pid()"
                ),
            )
            await asyncio.sleep(0.02)
    return peak


@check("R22", group="statements", kind=TIMING, weight=2, requires=(BASE,), deadline=60.0)
async def other_requests_are_answered_while_many_sign_in(env: Env) -> None:
    """Other requests are answered while many people sign in.

    Eight people sign in again and again for two and a half seconds, and one asks for an order. The
    order must not take half as long as a log-in does then, nor as long as one that has the service
    to itself, unless it takes less than 150 ms.
    """
    user = await env.accounts.member("buyer")
    order = await add_order(env, user)
    people = [await env.accounts.member(f"signer {n}") for n in range(_STREAMS)]
    alone = []
    for one in people[:_ALONE]:
        answer = await env.accounts.try_log_in(one.email, one.password)
        alone.append(answer.given({200}, "This rests on: one can sign in").seconds)
    over = env.now() + _SECONDS
    waits: list[float] = []
    log_ins: list[float] = []

    async def sign_in(one: User) -> None:
        while env.now() < over:
            answer = await env.accounts.try_log_in(one.email, one.password)
            if answer.status == 200:
                log_ins.append(answer.seconds)
            else:
                await asyncio.sleep(0.05)

    async with asyncio.TaskGroup() as group:
        for one in people:
            group.create_task(sign_in(one))
        while env.now() < over:
            answer = await env.call("get_order", by=user, order_id=order["id"])
            answer.expect({200}, "While many people sign in an order is not answered with 200")
            waits.append(answer.seconds)
            await asyncio.sleep(0.02)
    if not log_ins or not waits:
        unknown("Nobody could sign in, so nothing was in the way of other requests")
    usual, slow = _wait_at_any_moment(waits), median(log_ins)
    bound = min(slow * _SHARE, median(alone))
    if usual > _SLOW and usual > bound:
        fail(
            "Hashing passwords stops everything else",
            expected=f"an order in less than {bound * 1000:.0f} ms",
            observed=f"{usual * 1000:.0f} ms for who asks at any moment, of {len(waits)} who asked",
        )


def _wait_at_any_moment(waits: list[float]) -> float:
    """The median wait of those who come at any moment: a wait counts by how long it lasts.

    Who asks again only when he was answered asks seldom while nothing is answered.
    """
    before = 0.0
    for wait in sorted(waits):
        before += wait
        if before >= sum(waits) / 2:
            return wait
    return 0.0
