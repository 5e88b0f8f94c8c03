"""The same answers as before: the old service runs beside, on the same data."""

import asyncio
from collections.abc import Mapping
from typing import Any

from acidtest.grader.sdk import Answer, Env, check, fail, unknown

from ._shop import COUNTED, MIGRATED, SERVED, cursor_of, difference

_QUESTIONS = 1_000
_AT_ONCE = 4
_LAST_ORDER = 100_040
_PRODUCTS = 2_055
_QUICKEN = (
    "create index if not exists judge_items on public.order_items (order_id)",
    "create index if not exists judge_products on public.order_items (product_id)",
    "create index if not exists judge_orders on public.orders (created_at desc, id desc)",
)
"""Indexes for the old service's own copy: answers do not change, and a thousand take seconds."""
_COLUMNS = {
    "orders": "id, user_id, status, currency, total_cents, created_at at time zone 'UTC'",
    "order_items": "id, order_id, product_id, quantity, unit_price_cents",
    "products": "id, name, price_cents",
}
_SUM = """
    select count(*) as n, sum(hashtextextended(concat_ws('|', {columns}), 0)::numeric) as s
    from public.{table}
"""

Question = tuple[str, dict[str, Any], dict[str, str]]


@check("R7", group="equality", weight=2, requires=(MIGRATED,))
async def the_migration_changes_no_data(env: Env) -> None:
    """After the migration every order, item and product is what it was.

    It rests on a migration that ran: a service in which nothing was mended keeps its answers, too.
    """
    old = _old(env)
    for table, columns in _COLUMNS.items():
        sql = _SUM.format(table=table, columns=columns)
        if await env.db.fetch(sql) != await old.db.fetch(sql):
            fail(
                "The migration changes data that was there",
                expected=f"the rows of {table} as they were",
                observed="another sum over them",
            )


@check("R2", group="equality", weight=5, requires=(SERVED, COUNTED, MIGRATED), deadline=400.0)
async def a_thousand_random_questions_are_answered_as_before(env: Env) -> None:
    """A thousand random questions get the answers that the old service gives.

    Lists of any status and size with and without items, pages that follow them, single orders and
    figures. Both run on copies of the same data. What the old service answers with a 5xx is
    left out, and so are texts of errors and cursors.
    """
    old = _old(env)
    for sql in _QUICKEN:
        await old.db.execute(sql)
    questions = iter([_drawn(env) for _ in range(_QUESTIONS)])

    async def work() -> None:
        for question in questions:
            await _compare(env, old, question)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(_AT_ONCE):
                group.create_task(work())
    except BaseExceptionGroup as group_error:
        raise group_error.exceptions[0] from None


def _old(env: Env) -> Env:
    if env.baseline is None:
        unknown("The old service does not run beside")
    return env.baseline


def _drawn(env: Env) -> Question:
    kind = env.rng.random()
    if kind < 0.3:
        return "get_order", {"order_id": env.rng.randint(1, _LAST_ORDER)}, {}
    if kind < 0.55:
        return "product_stats", {"product_id": env.rng.randint(1, _PRODUCTS)}, {}
    query = {"limit": str(min(100, 1 + int(env.rng.expovariate(0.2))))}
    if env.rng.random() < 0.7:
        query["include"] = "items"
    if env.rng.random() < 0.7:
        query["status"] = env.rng.choice(("paid", "pending", "cancelled"))
    return "list_orders", {}, query


async def _compare(env: Env, old: Env, question: Question) -> None:
    operation, ids, query = question
    before = await old.call(operation, query=query, deadline=30.0, **ids)
    after = await env.call(operation, query=query, deadline=30.0, **ids)
    _same(before, after, question)
    mine, theirs = cursor_of(after), cursor_of(before)
    if mine and theirs and before.ok and after.ok:
        before = await old.call(operation, query={**query, "cursor": theirs}, deadline=30.0)
        after = await env.call(operation, query={**query, "cursor": mine}, deadline=30.0)
        _same(before, after, (operation, ids, {**query, "cursor": "of the page before"}))


def _same(before: Answer, after: Answer, question: Question) -> None:
    if before.status is None or before.status >= 500:
        return
    operation, ids, query = question
    if before.status != after.status:
        said = f"status {after.status}, not {before.status}"
    elif before.ok:
        said = difference(_told(after), _told(before))
    else:
        return
    if said:
        fail(
            f"{operation} does not answer as the old service: {said}",
            expected=f"for {ids or query}: {before.summary()}",
            observed=after.summary(),
        )


def _told(answer: Answer) -> Any:
    """What an answer says, but for its cursor, of which only matters whether there is one."""
    body = answer.json
    if not isinstance(body, Mapping) or "next_cursor" not in body:
        return body
    return {**body, "next_cursor": body["next_cursor"] is not None}
