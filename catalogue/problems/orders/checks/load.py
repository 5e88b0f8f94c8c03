"""Load: a minute of mixed requests of many users, each of them on time."""

import asyncio

from acidtest.grader.sdk import (
    TIMING,
    Env,
    LoadPlan,
    User,
    bearer,
    check,
    expect_objective,
    place_of,
    unmet,
)

from ._desk import BASE, add_order, limit_name, new_order

_ORDERS_EACH = 4
_AT_ONCE = 4


@check("R21", group="load", kind=TIMING, weight=1, requires=(BASE,), deadline=200.0)
async def a_hundred_requests_a_second_are_answered_in_time(env: Env) -> None:
    """A hundred requests a second for a minute have a 95th percentile under 200 ms.

    Seventy in a hundred read one order, twenty a list, and ten add an order, each of many users
    with keys of their own. Times run from when a request was due; fewer than one in a thousand may
    fail, and every answer is looked at.
    """
    profile = env.load.profile("mixed")
    slots = asyncio.Semaphore(_AT_ONCE)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_prepared(env, slots)) for _ in range(profile.users)]
    users = tuple(task.result() for task in tasks)
    result = await env.load("mixed", await _plan(env, users))
    expect_objective(result, "A hundred requests a second are not answered in time")


async def _prepared(env: Env, slots: asyncio.Semaphore) -> dict[str, str | tuple[str, ...]]:
    """A user with some orders, as values of the plan."""
    async with slots:
        user = await env.accounts.sign_up()
        orders = [await add_order(env, user) for _ in range(_ORDERS_EACH)]
    token = bearer(user)["Authorization"]
    return {"authorization": token, "order_id": tuple(str(order["id"]) for order in orders)}


async def _plan(env: Env, users: tuple[dict[str, str | tuple[str, ...]], ...]) -> LoadPlan:
    scout = await env.accounts.sign_up()
    place = await _place_of_id(env, scout)
    authorized = {"Authorization": "${authorization}"}
    body = new_order(env)
    return LoadPlan(
        requests=(
            env.load.request(
                "get_order",
                ids={"order_id": "${order_id}"},
                headers=authorized,
                equals={place: "${order_id}"},
                weight=7,
            ),
            env.load.request(
                "list_orders", query=f"{limit_name(env)}=20", headers=authorized, weight=2
            ),
            env.load.request(
                "create_order",
                body,
                headers={**authorized, "Idempotency-Key": "${uuid}"},
                expect=(201,),
                keys=(place,),
                weight=1,
            ),
        ),
        users=users,
    )


async def _place_of_id(env: Env, user: User) -> str:
    """Where in an answer the id of an order is."""
    order = await add_order(env, user)
    answer = await env.call("get_order", by=user, order_id=order["id"])
    answer.given({200}, "This rests on: an order can be read")
    place = place_of(answer.json, order["id"])
    if place is None:
        unmet("This rests on: the answer to a read shows the order's id")
    return place
