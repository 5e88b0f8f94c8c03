"""What the database saw: statements, indexes, pages, and migrations that can be run again."""

from collections.abc import Mapping, Sequence

from acidtest.grader.sdk import (
    SAFETY,
    Answer,
    Env,
    Index,
    check,
    clip,
    count_statements,
    expect_flat,
    expect_migrated,
    expect_repeatable,
    fail,
    unknown,
)

from ._shop import SERVED, cursor_of, listed

_MOST_STATEMENTS = 4
_SIZES = (1, 10, 100)
_BIG = ("orders", "order_items")
_FAR = 60
_PAGE = 100
_WASTE = 5
_ROUNDS = 40


@check("R4", group="queries", weight=4, requires=(SERVED,))
async def orders_with_items_take_as_many_statements_for_a_hundred_as_for_one(env: Env) -> None:
    """Listing orders with their items takes no more SQL statements for a hundred than for one.

    Statements of drivers (BEGIN, SET, pings) do not count, and the least of three tries does.
    """
    counts = []
    for size in _SIZES:

        async def ask(limit: int = size) -> Answer:
            await env.cache.flushdb()
            query = {"include": "items", "status": "paid", "limit": str(limit)}
            return await env.call("list_orders", query=query, deadline=30.0)

        counts.append(await count_statements(env, ask))
    expect_flat(counts, "GET /orders?include=items")
    if counts[-1].statements > _MOST_STATEMENTS:
        fail(
            "A list of orders with their items takes too many statements",
            expected=f"at most {_MOST_STATEMENTS}",
            observed=f"{counts[-1].statements} for {counts[-1].items} orders",
        )


@check("R4", group="queries", weight=2, requires=(SERVED,))
async def a_page_reads_about_what_it_shows(env: Env) -> None:
    """A page of twenty orders reads no more than some hundred rows of orders and items.

    Counted are the rows that come to the service from the database, for the page of a rare status.
    """
    async with env.watch() as seen:
        query = {"include": "items", "status": "pending", "limit": "20"}
        answer = await env.call("list_orders", query=query, deadline=30.0)
    answer.expect({200}, "A list of orders is not answered with 200")
    rows = sum(statement.rows or 0 for statement in seen.work)
    shown = sum(1 + len(order.get("items") or ()) for order in listed(answer))
    if rows > _WASTE * shown + 100:
        fail(
            "A page of orders fetches far more rows than it shows",
            expected=f"about the {shown} rows it shows",
            observed=f"{rows} rows in {len(seen.work)} statements",
        )


@check("R5", group="queries", weight=2)
async def items_have_an_index_by_order(env: Env) -> None:
    """An index finds the items of an order, whatever it is called and whatever follows in it."""
    _finds(await env.db.indexes('public."order_items"'), "order_id", "the items of an order")


@check("R5", group="queries", weight=2)
async def orders_have_an_index_by_status(env: Env) -> None:
    """An index finds the orders of a status, whatever it is called and whatever follows in it."""
    _finds(await env.db.indexes('public."orders"'), "status", "the orders of a status")


def _finds(indexes: Sequence[Index], column: str, what: str) -> None:
    fits = [i for i in indexes if i.valid and i.predicate is None and i.columns[:1] == [column]]
    if not fits:
        described = "; ".join(f"{i.name} ({', '.join(i.columns)})" for i in indexes if i.valid)
        fail(
            f"No index finds {what}",
            expected=f"a whole, valid index that begins with {column}",
            observed=described or "no index at all",
        )


@check("R5", group="queries", weight=3, requires=(SERVED,))
async def statements_as_they_are_sent_use_indexes(env: Env) -> None:
    """The statements of a list and of an order, with their own values, need no full scan.

    Each captured statement is planned again as it was sent. It fails where PostgreSQL reads all of
    the orders or items although an index could have been used for it, or where none can be.
    """
    async with env.watch() as seen:
        query = {"include": "items", "status": "pending", "limit": "20"}
        await env.call("list_orders", query=query, deadline=30.0)
        await env.call("get_order", order_id=env.rng.randrange(1, 100_000), deadline=30.0)
    explained = 0
    for statement in seen.reads:
        plan = await env.db.explain(statement, full_scans=True)
        if plan is None:
            continue
        explained += 1
        if any(plan.full_scans(table) for table in _BIG):
            fail(
                "A statement reads a whole table",
                expected="an index that is used",
                observed=clip(" ".join(statement.text.split()), 400),
                plan=plan.text,
            )
    if not explained:
        unknown("None of the statements that were sent could be planned again")


@check("R6", group="queries", kind=SAFETY, weight=3, requires=(SERVED,), deadline=90.0)
async def pages_give_every_order_once_while_orders_are_added(env: Env) -> None:
    """Walking all pages while orders are added gives every earlier order exactly once.

    The pending orders are walked in pages of a hundred, two hundred and fifty of which share their
    minute; after each page three more orders come in, newer than all others.
    """
    await _add_orders(env, 250, "2025-08-15T12:00:00Z")
    wanted = [
        row["id"]
        for row in await env.db.fetch("select id from public.orders where status = 'pending'")
    ]
    found: list[object] = []
    cursor: str | None = None
    for _ in range(_ROUNDS):
        query = {"status": "pending", "limit": str(_PAGE)} | ({"cursor": cursor} if cursor else {})
        answer = await env.call("list_orders", query=query, deadline=30.0)
        answer.expect({200}, "A page of orders is not answered with 200")
        found += [order.get("id") for order in listed(answer)]
        cursor = cursor_of(answer)
        if cursor is None:
            break
        await _add_orders(env, 3, "2026-01-01T00:00:00Z")
    shown = {*map(str, found)}
    twice, missing = len(found) - len(shown), {*map(str, wanted)} - shown
    if twice or missing:
        fail(
            "Pages repeat or lose orders while orders are added",
            expected=f"each of the {len(wanted)} orders that were there exactly once",
            observed=f"{twice} orders twice, {len(missing)} missing",
        )


async def _add_orders(env: Env, count: int, moment: str) -> None:
    await env.db.execute(
        "insert into public.orders (user_id, status, currency, total_cents, created_at)"
        " select 1, 'pending', 'EUR', 100, $2::text::timestamptz"
        " from generate_series(1, $1::integer)",
        count,
        moment,
    )


@check("R6", group="queries", weight=2, requires=(SERVED,), deadline=120.0)
async def a_late_page_costs_no_more_than_the_first(env: Env) -> None:
    """The sixtieth page reads about as many rows as the first.

    The statement of each page is planned and run again, and the rows that its scans read are
    compared.
    """
    query = {"status": "cancelled", "limit": str(_PAGE)}
    cursor: str | None = None
    for number in range(_FAR):
        more = query | ({"cursor": cursor} if cursor else {})
        answer = await env.call("list_orders", query=more, deadline=30.0)
        answer.expect({200}, "A page of orders is not answered with 200")
        cursor = cursor_of(answer)
        if cursor is None:
            fail("The pages of the cancelled orders end too early", observed=f"page {number + 1}")
    first = await _rows_read(env, query)
    late = await _rows_read(env, query | {"cursor": cursor or ""})
    if late > _WASTE * first + 5 * _PAGE:
        fail(
            "A late page reads everything that came before it",
            expected=f"about {first:.0f} rows, as for the first page",
            observed=f"{late:.0f} rows for page {_FAR + 1}",
        )


async def _rows_read(env: Env, query: Mapping[str, str]) -> float:
    async with env.watch() as seen:
        await env.call("list_orders", query=query, deadline=30.0)
    total = 0.0
    for statement in seen.reads:
        plan = await env.db.explain(statement, full_scans=True)
        if plan is not None:
            total += sum(
                float(node.get("Actual Rows", 0)) * float(node.get("Actual Loops", 1))
                for node in plan.nodes()
                if "Scan" in str(node.get("Node Type"))
            )
    if not total:
        unknown("The statements of a page could not be planned again")
    return total


@check("R7", group="queries")
async def the_migration_runs_on_the_production_data(env: Env) -> None:
    """The migration ends with exit code 0 on a database that holds the production data."""
    expect_migrated(env)


@check("R7", group="queries", requires=("the_migration_runs_on_the_production_data",))
async def the_migration_can_be_run_again(env: Env) -> None:
    """Running the migration a second time succeeds and changes nothing in the schema."""
    expect_repeatable(env)
