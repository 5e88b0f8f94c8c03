"""The interface stays: five operations held against the data."""

from acidtest.grader.sdk import Answer, Env, check, fail

from ._shop import (
    COUNTED,
    SERVED,
    cursor_of,
    difference,
    expect_same,
    listed,
    newest_orders,
    stored_figures,
    stored_order,
)

_STATUSES = ("paid", "pending", "cancelled", None)
_LAST_ORDER = 100_000
_SOLD = 2_000
_UNSOLD = range(2_001, 2_051)
_NO_SUCH_ID = 888_888_888


@check("R1", group="contract", weight=4)
async def orders_come_as_described(env: Env) -> None:
    """Lists and single orders come with the fields, types and order that the statement tells."""
    for status in _STATUSES:
        limit = env.rng.randint(2, 9)
        query = {"include": "items", "limit": str(limit)} | ({"status": status} if status else {})
        answer = await env.call("list_orders", query=query)
        answer.expect({200}, "A list of orders is not answered with 200")
        wanted = await newest_orders(env, status=status, limit=limit)
        expect_same(answer, {"items": wanted}, f"The list of the newest orders ({status or 'all'})")
    for order_id in env.rng.sample(range(1, _LAST_ORDER), 3):
        answer = await env.call("get_order", order_id=order_id)
        answer.expect({200}, "An order is not answered with 200")
        expect_same(answer, await stored_order(env, order_id), f"Order {order_id}")


@check("R1", group="contract")
async def a_list_without_include_has_no_items(env: Env) -> None:
    """Without `include=items` orders come without their items, twenty unless told otherwise."""
    answer = await env.call("list_orders")
    answer.expect({200}, "The list of orders is not answered with 200")
    orders = listed(answer)
    if len(orders) != 20 or any(order.get("items") is not None for order in orders):
        fail(
            "The plain list of orders is not what it was",
            expected="20 orders without `items`",
            observed=f"{len(orders)} orders; {answer.summary()}",
        )


@check("R1", group="contract", weight=2, requires=(SERVED,))
async def a_page_leads_to_the_next_one(env: Env) -> None:
    """`next_cursor` leads to the orders that follow, and is null on the last page."""
    query = {"status": "cancelled", "limit": "7"}
    wanted = await newest_orders(env, status="cancelled", limit=21)
    found: list[object] = []
    cursor: str | None = None
    for _ in range(3):
        more = query | ({"cursor": cursor} if cursor else {})
        answer = await env.call("list_orders", query=more)
        answer.expect({200}, "A page of orders is not answered with 200")
        found += [order.get("id") for order in listed(answer)]
        cursor = cursor_of(answer)
        if cursor is None:
            fail("A page that is not the last has no `next_cursor`", observed=answer.summary())
    if said := difference(found, [order["id"] for order in wanted]):
        fail(
            f"Pages do not follow each other: {said}",
            expected=f"orders {[order['id'] for order in wanted]}",
            observed=str(found),
        )


@check("R1", group="contract", weight=3)
async def figures_are_those_of_paid_orders(env: Env) -> None:
    """The figures of a product are those of its paid orders, day by day."""
    for product_id in env.rng.sample(range(1, _SOLD), 4):
        answer = await env.call("product_stats", product_id=product_id)
        answer.expect({200}, "The figures of a product are not answered with 200")
        wanted = await stored_figures(env, product_id)
        expect_same(answer, wanted, f"The figures of product {product_id}")


@check("R3", group="contract", requires=(COUNTED,))
async def a_product_that_never_sold_has_figures(env: Env) -> None:
    """A product without a sale has figures of zero, and null where there is nothing to tell."""
    product_id = env.rng.choice(_UNSOLD)
    answer = await env.call("product_stats", product_id=product_id)
    answer.expect({200}, "The figures of a product that never sold are not answered with 200")
    expect_same(answer, await stored_figures(env, product_id), f"The figures of {product_id}")


@check("R1", group="contract", requires=(SERVED, COUNTED))
async def what_is_not_there_is_404(env: Env) -> None:
    """An unknown order and an unknown product are answered with 404."""
    answer = await env.call("get_order", order_id=_NO_SUCH_ID)
    answer.expect({404}, "An unknown order is not answered with 404")
    answer = await env.call("product_stats", product_id=_NO_SUCH_ID)
    answer.expect({404}, "The figures of an unknown product are not answered with 404")


@check("R1", group="contract", requires=(SERVED, COUNTED))
async def tracking_parameters_change_nothing(env: Env) -> None:
    """Parameters that the interface does not list, as campaigns add them, change nothing."""
    noise = {"utm_source": env.word(), "gclid": env.word(20)}
    product_id = env.rng.randrange(1, _SOLD)
    answer = await env.call("product_stats", product_id=product_id, query=noise)
    answer.expect({200}, "Figures asked for with a tracking parameter are not answered with 200")
    expect_same(answer, await stored_figures(env, product_id), f"The figures of {product_id}")
    answer = await env.call("list_orders", query={"limit": "3", **noise})
    answer.expect({200}, "A list asked for with a tracking parameter is not answered with 200")


@check("R3", group="contract", weight=2, requires=(SERVED, COUNTED))
async def bad_questions_are_refused(env: Env) -> None:
    """A status, limit, cursor or id that makes no sense is answered with 4xx."""
    for query in (
        {"status": "lost"},
        {"limit": "0"},
        {"limit": "101"},
        {"limit": "many"},
        {"cursor": "no-cursor-of-yours"},
        {"cursor": "LTE="},
    ):
        _refused(await env.call("list_orders", query=query), f"GET /orders?{query}")
    for strange in ("abc", "-1", "99999999999999999999", "1.5", "%00"):
        _refused(await env.call("get_order", order_id=strange), f"order {strange!r}")
        _refused(await env.call("product_stats", product_id=strange), f"product {strange!r}")


def _refused(answer: Answer, what: str) -> None:
    if answer.status is None or not 400 <= answer.status < 500:
        fail(
            f"A question that makes no sense is not refused: {what}",
            expected="a status from 400 to 499",
            observed=answer.summary(),
        )


@check("R1", group="contract")
async def the_health_path_answers(env: Env) -> None:
    """`GET /healthz` is answered with 200."""
    (await env.call("health")).expect({200}, "GET /healthz is not answered with 200")
