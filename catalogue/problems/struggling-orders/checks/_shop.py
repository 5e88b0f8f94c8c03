"""What the data says, read past the service: the truth that answers are held against."""

from collections.abc import Mapping, Sequence
from typing import Any

from acidtest.grader.sdk import Answer, Env, clip, fail, instant

SERVED = "orders_come_as_described"
"""The check without which nothing about lists and orders can be asked."""
COUNTED = "figures_are_those_of_paid_orders"
"""The same for the figures of products."""

MIGRATED = "the_migration_runs_on_the_production_data"
"""The check without which what stayed as it was stayed so because nothing was done."""

_ORDERS = """
    select id, user_id, status::text as status, trim(currency) as currency, total_cents, created_at
    from public.orders
"""
_ITEMS = """
    select i.product_id, p.name as product_name, i.quantity, i.unit_price_cents
    from public.order_items i join public.products p on p.id = i.product_id
    where i.order_id = $1 order by i.id
"""
_DAYS = """
    select to_char(o.created_at at time zone 'UTC', 'YYYY-MM-DD') as day,
           count(distinct o.id)::bigint as orders, sum(i.quantity)::bigint as units,
           sum(i.quantity::bigint * i.unit_price_cents)::bigint as revenue_cents,
           max(o.created_at) as last
    from public.order_items i join public.orders o on o.id = i.order_id
    where i.product_id = $1 and o.status = 'paid' group by 1 order by 1
"""


async def stored_order(env: Env, order_id: int) -> dict[str, Any]:
    """The order of that id with its items, as the database has it."""
    rows = await env.db.fetch(f"{_ORDERS} where id = $1", order_id)
    return {**rows[0], "items": await env.db.fetch(_ITEMS, order_id)}


async def newest_orders(env: Env, *, status: str | None, limit: int) -> list[dict[str, Any]]:
    """The newest orders of a status, or of all, with their items."""
    rows = await env.db.fetch(
        f"{_ORDERS} where $1::text is null or status::text = $1"
        " order by created_at desc, id desc limit $2",
        status,
        limit,
    )
    return [{**row, "items": await env.db.fetch(_ITEMS, row["id"])} for row in rows]


async def stored_figures(env: Env, product_id: int) -> dict[str, Any]:
    """The figures of a product, as the paid orders make them."""
    name = await env.db.fetch("select name from public.products where id = $1", product_id)
    days = await env.db.fetch(_DAYS, product_id)
    units = sum(day["units"] for day in days)
    revenue = sum(day["revenue_cents"] for day in days)
    return {
        "product_id": product_id,
        "name": name[0]["name"],
        "orders": sum(day["orders"] for day in days),
        "units": units,
        "revenue_cents": revenue,
        "average_price_cents": revenue // units if units else None,
        "last_sold_at": max((day["last"] for day in days), default=None),
        "days": [{name: day[name] for name in ("day", "units", "revenue_cents")} for day in days],
    }


def difference(found: Any, wanted: Any, place: str = "") -> str:
    """Where and how `found` is not `wanted`, or an empty text; times are compared as moments."""
    if isinstance(wanted, Mapping):
        return _in_object(found, wanted, place)
    if isinstance(wanted, list):
        return _in_list(found, wanted, place)
    return "" if _same(found, wanted) else f"{place} is {found!r}, not {wanted!r}"


def _in_object(found: Any, wanted: Mapping[str, Any], place: str) -> str:
    if not isinstance(found, Mapping):
        return f"{place or 'the answer'} is {found!r}, not an object"
    for name, value in wanted.items():
        if name not in found:
            return f"{place}.{name} is missing".lstrip(".")
        if said := difference(found[name], value, f"{place}.{name}".lstrip(".")):
            return said
    return ""


def _in_list(found: Any, wanted: list[Any], place: str) -> str:
    if not isinstance(found, list) or len(found) != len(wanted):
        size = len(found) if isinstance(found, list) else repr(found)
        return f"{place or 'the list'} has {size} entries, not {len(wanted)}"
    pairs = zip(found, wanted, strict=True)
    told = (difference(one, other, f"{place}[{at}]") for at, (one, other) in enumerate(pairs))
    return next(filter(None, told), "")


def _same(found: Any, wanted: Any) -> bool:
    if found == wanted and isinstance(found, bool) == isinstance(wanted, bool):
        return True
    moment = instant(wanted) if isinstance(wanted, str) else wanted
    return hasattr(moment, "utcoffset") and instant(found) == moment


def expect_same(answer: Answer, wanted: Any, what: str) -> None:
    """Fail unless the body of `answer` says `wanted`; further fields do not matter."""
    if said := difference(answer.json, wanted):
        fail(
            f"{what} is not right: {clip(said, 300)}",
            expected=_short(wanted),
            observed=answer.summary(),
        )


def listed(answer: Answer) -> Sequence[Mapping[str, Any]]:
    """The orders of a page; fails where the answer holds none."""
    body = answer.json
    items = body.get("items") if isinstance(body, dict) else None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        fail("A page of orders has no list of `items`", observed=answer.summary())
    return items


def cursor_of(answer: Answer) -> str | None:
    """What leads to the next page, or None on the last one."""
    body = answer.json
    found = body.get("next_cursor") if isinstance(body, dict) else None
    return found if isinstance(found, str) and found else None


def _short(value: object) -> str:
    return clip(repr(value), 600)
