"""Migrations and schema: repeatable, enough to run on, and with the rules that keep data whole."""

from datetime import timedelta

from acidtest.grader.sdk import (
    ADVISORY,
    NOT_THERE,
    Env,
    Index,
    Place,
    Seen,
    SqlStatement,
    User,
    check,
    clip,
    expect_migrated,
    expect_repeatable,
    fail,
    quote,
    unknown,
    unmet,
)

from ._desk import BASE, add_order, limit_name, new_order, new_total
from ._rows import Kept, find_rows, literal, locate_total

_DEFINES = ("create table", "alter table", "drop table", "create index", "create type")
_ENOUGH_ROWS = 60_000
_OWN_ROWS = 3_000
_WASTEFUL = 100
"""Rows read and thrown away for each row returned, above which a table was searched."""
_OUR_MISTAKES = ("42", "26", "0A")
"""Classes of SQLSTATE that tell about the statement and nothing about the data."""
_INTEGERS = frozenset({"smallint", "integer", "bigint"})
_BY_EQUALITY = frozenset({"btree", "hash"})
_PAGES = 100
_PER_PAGE = 20
_DEAR = 20
"""How many times as many rows as page 1 a late page may read; an OFFSET reads all before it."""


@check("R19", group="schema", weight=3)
async def one_command_builds_the_schema(env: Env) -> None:
    """One command brings an empty database to the schema that the service works on.

    The declared `migrate` command ran on an empty database before the service was started. It must
    end with exit code 0, and the tables that hold users and orders must be among those it made.
    """
    expect_migrated(env)
    async with env.watch() as seen:
        user = await env.accounts.member("kept")
        await env.call("create_order", new_order(env), by=user)
    missing = [s for s in seen.sql if (s.error or "").startswith(NOT_THERE)]
    if missing:
        fail(
            f"`{env.migration.command}` does not make the tables that the service works on",
            expected="a schema on which users and orders can be added",
            observed=f"{missing[0].error}: {clip(missing[0].text, 300)}",
        )
    kept = await find_rows(env)
    lacking = {kept.users, kept.orders} - set(env.migration.tables)
    if lacking:
        fail(
            f"`{env.migration.command}` does not make the tables that the service works on",
            expected=f"{', '.join(sorted(lacking))} after the command",
            observed=f"it made {', '.join(env.migration.tables) or 'no table'}",
        )


@check("R19", group="schema", weight=2)
async def running_it_again_changes_nothing(env: Env) -> None:
    """Running the migrations a second time succeeds and changes nothing.

    Compares every table, column, index and constraint.
    """
    expect_repeatable(env)


@check("R19", group="schema", kind=ADVISORY)
async def the_service_leaves_the_schema_alone(env: Env) -> None:
    """The service itself does not create or alter tables when it starts.

    Two instances that start at once would race, and it would need rights it should not have.
    """
    defining = [s.text for s in env.journal.sql() if s.text.lower().strip().startswith(_DEFINES)]
    if defining:
        fail(
            "The service defines its schema when it starts",
            expected="only the migrations do",
            observed=clip(defining[0], 300),
        )


@check("R19", group="schema", requires=(BASE,))
async def tables_have_primary_keys(env: Env) -> None:
    """The tables of users and orders have a primary key.

    A unique index over columns that cannot be null counts as one.
    """
    kept = await find_rows(env)
    for table in (kept.users, kept.orders):
        solid = {column.name for column in await env.db.columns(table) if not column.nullable}
        keys = [i for i in await env.db.indexes(table) if i.unique and solid.issuperset(i.columns)]
        if not any(index.valid and index.predicate is None for index in keys):
            fail(
                f"The table {table} has no primary key",
                expected="a primary key",
                observed="rows that nothing keeps apart",
            )


@check("R19", group="schema", weight=2, requires=(BASE,))
async def the_database_keeps_addresses_unique(env: Env) -> None:
    """The database itself refuses a second user with the same address.

    Tried as an UPDATE of one user to the address of another, past the service, and rolled back.
    """
    kept = await find_rows(env)
    other = literal(kept.other[kept.email.column])
    if await _try_update(env, kept.email, kept.its_user, other) is None:
        fail(
            "The database accepts two users with the same address",
            expected=f"a unique index on {kept.email.column}",
            observed=f"an UPDATE of {kept.users} to a taken address went through",
        )


@check("R19", group="schema", weight=2, requires=(BASE,))
async def the_database_ties_orders_to_users(env: Env) -> None:
    """The database itself refuses an order of a user that does not exist.

    Tried as an UPDATE of an order to a user that is not there, past the service, and rolled back.
    """
    kept = await find_rows(env)
    column = next(c for c in await env.db.columns(kept.orders) if c.name == kept.link.column)
    nowhere = "gen_random_uuid()" if column.type == "uuid" else "2000000011"
    if column.type.startswith(("character", "text")):
        nowhere = "'no-such-user'"
    if await _try_update(env, kept.link, kept.its_order, nowhere) is None:
        fail(
            "The database accepts an order of a user that does not exist",
            expected=f"a foreign key from {kept.link.column} to {kept.users}",
            observed=f"an UPDATE of {kept.orders} to a missing user went through",
        )


@check("R19", group="schema", weight=2, requires=(BASE,))
async def the_database_keeps_orders_sane(env: Env) -> None:
    """The database itself refuses nulls, a negative amount and a status that does not exist.

    Tried as UPDATEs of a user's address and of an order's amount, currency, status and user, past
    the service, and rolled back.
    """
    kept = await find_rows(env)
    tries: list[tuple[Place | None, str, str]] = [(kept.email, kept.its_user, "null")]
    named = [kept.places.get(name) for name in ("total_cents", "currency", "status")]
    tries += [(place, kept.its_order, "null") for place in (*named, kept.link)]
    tries.append((kept.places["total_cents"], kept.its_order, "-1"))
    tries.append((kept.places.get("status"), kept.its_order, await _no_status(env, kept)))
    for place, where, value in tries:
        if place is not None and await _try_update(env, place, where, value) is None:
            fail(
                f"The database accepts {value} in {place.table}.{place.column}",
                expected="NOT NULL, a CHECK, an enumeration or a reference that refuses it",
                observed=f"an UPDATE to {value} went through",
            )


@check("R19", group="schema", requires=(BASE,))
async def money_is_kept_as_an_integer(env: Env) -> None:
    """The amount of an order is kept in an integer column; numeric without a fraction counts."""
    kept = await find_rows(env)
    place = kept.places["total_cents"]
    column = next(c for c in await env.db.columns(place.table) if c.name == place.column)
    whole = column.type.startswith("numeric(") and column.type.endswith(",0)")
    if column.type not in _INTEGERS and not whole:
        fail(
            "The amount of an order is not kept as an integer",
            expected="smallint, integer, bigint or numeric(n,0)",
            observed=f"{place.table}.{place.column} is {column.type}",
        )


@check("R20", group="schema", weight=2, requires=(BASE,))
async def orders_have_the_indexes_they_are_asked_by(env: Env) -> None:
    """There is an index that begins with the user of an order, and one that begins with the status.

    Whatever they are called and whatever follows in them. An index of the status may leave out some
    statuses, but not `pending`.
    """
    kept = await find_rows(env)
    indexes = await env.db.indexes(kept.orders)
    status = kept.places.get("status")
    wanted = [(kept.link.column, False)]
    if status is not None:
        wanted.append((status.column, True))
    for column, partly in wanted:
        if not any(_finds(index, column, partly=partly) for index in indexes):
            described = "; ".join(f"{i.name} ({', '.join(i.columns)})" for i in indexes)
            fail(
                f"No index finds orders by {column}",
                expected=f"an index of {kept.orders} that begins with {column}",
                observed=described or "no index at all",
            )


@check("R20", group="schema", weight=3, requires=(BASE,), deadline=120.0)
async def the_newest_orders_are_read_through_an_index(env: Env) -> None:
    """The first page of a user's orders is found through an index among many orders.

    Sixty thousand orders of somebody else and three thousand of the user's own are added past the
    service; the statement is captured with its real parameters and planned by PostgreSQL. It fails
    only where the plan throws away or sorts more than a hundred rows for each it returns, even
    when told to avoid whole tables.
    """
    kept = await find_rows(env)
    await _make_many(env, kept)
    async with env.watch() as seen:
        answer = await env.call("list_orders", by=kept.owner, query={limit_name(env): "20"})
    answer.given({200}, "This rests on: the list answers 200")
    statements = _on_orders(kept, seen)
    if not statements:
        unknown("No statement on the table of the orders was seen")
    worst = await _rows_read(env, statements)
    if worst is None:
        unknown("No statement of the list could be planned again")
    if worst[0] > _WASTEFUL * max(1, len(answer.items)):
        fail(
            "Listing the newest orders of one user reads many more orders than it shows",
            expected="an index by user and time",
            observed=f"{worst[0]} rows read for {len(answer.items)} shown",
            plan=worst[1],
        )


@check("R20", group="schema", weight=3, requires=("pages_give_every_order_once",), deadline=120.0)
async def a_late_page_costs_as_much_as_page_1(env: Env) -> None:
    """A late page reads about as many rows as page 1.

    The user has three thousand orders and walks them in pages of twenty; the statements of the
    first page and of the hundredth are planned again with their parameters. An OFFSET reads all
    that lies before it, a cursor does not.
    """
    kept = await find_rows(env)
    await _make_many(env, kept)
    first = await _cost_of_page(env, kept, kept.owner, 1)
    late = await _cost_of_page(env, kept, kept.owner, _PAGES)
    if first is None or late is None:
        unknown("No statement of the list could be planned again")
    if late[0] > _DEAR * max(first[0], _PER_PAGE + 1):
        fail(
            "A late page reads many more rows than the first one",
            expected=f"about the {first[0]} rows of page 1",
            observed=f"{late[0]} rows for page {_PAGES}",
            plan=late[1],
        )


async def _cost_of_page(env: Env, kept: Kept, user: User, page: int) -> tuple[int, str] | None:
    answer = await env.call("list_orders", by=user, query={limit_name(env): str(_PER_PAGE)})
    answer.given({200}, "This rests on: the list answers 200")
    reply = answer.reply
    for _ in range(page - 2):
        following = env.dialect.page("list_orders", reply)
        if following is None:
            unmet("This rests on: all orders can be walked page by page")
        reply = await env.http.send(following, keep_alive=True)
    async with env.watch() as seen:
        if page == 1:
            await env.call("list_orders", by=user, query={limit_name(env): str(_PER_PAGE)})
        else:
            following = env.dialect.page("list_orders", reply)
            if following is None:
                unmet("This rests on: all orders can be walked page by page")
            await env.http.send(following)
    return await _rows_read(env, _on_orders(kept, seen))


def _on_orders(kept: Kept, seen: Seen) -> list[SqlStatement]:
    bare = kept.orders.rpartition(".")[2].strip('"')
    return [statement for statement in seen.reads if bare in statement.text]


async def _rows_read(env: Env, statements: list[SqlStatement]) -> tuple[int, str] | None:
    """The most rows any step of a plan touches, by the better of two plans, and the plan."""
    worst: tuple[int, str] | None = None
    for statement in statements:
        plans = [await env.db.explain(statement, full_scans=allowed) for allowed in (True, False)]
        told = [(_touched(plan.root), plan.text) for plan in plans if plan is not None]
        if told and (worst is None or min(told) > worst):
            worst = min(told)
    return worst


def _touched(node: dict[str, object]) -> int:
    loops = _number(node, "Actual Loops") or 1
    removed = _number(node, "Rows Removed by Filter") + _number(
        node, "Rows Removed by Index Recheck"
    )
    own = loops * (_number(node, "Actual Rows") + removed)
    inner = node.get("Plans")
    return max([own, *(_touched(child) for child in inner)] if isinstance(inner, list) else [own])


def _number(node: dict[str, object], name: str) -> int:
    value = node.get(name, 0)
    return int(value) if isinstance(value, int | float) else 0


async def _make_many(env: Env, kept: Kept) -> None:
    """Add many orders of another user and some thousand of the user's own, past the service."""
    mark = kept.places["total_cents"]
    if int((await env.db.counts())[kept.orders]) > _ENOUGH_ROWS:
        return
    other = await env.accounts.member("kept too")
    body = new_order(env, total_cents=new_total(env))
    await add_order(env, other, **body)
    _, total_of_other = await locate_total(env, body["total_cents"])
    owner = quote(kept.link.column)
    later = {kept.link.column: f"t.{owner}"}
    for total, count in (
        (total_of_other, _ENOUGH_ROWS),
        (kept.order[mark.column], _OWN_ROWS),
    ):
        changes = dict(later)
        if kept.times is not None:
            column = quote(kept.times.column)
            step = int(timedelta(seconds=7).total_seconds())
            changes[kept.times.column] = f"t.{column} - n * interval '{step} seconds'"
        await env.db.multiply(mark, total or "", count, changes=changes)


def _finds(index: Index, column: str, *, partly: bool) -> bool:
    if not index.valid or not index.columns or index.columns[0] != column:
        return False
    if index.method not in _BY_EQUALITY:
        return False
    harmless = f"({column} is not null)"
    predicate = (index.predicate or "").lower().replace('"', "")
    return not predicate or predicate == harmless or (partly and "pending" in predicate)


async def _no_status(env: Env, kept: Kept) -> str:
    """A status that does not exist, as the column's type would have it."""
    place = kept.places.get("status")
    if place is None:
        return "null"
    column = next(c for c in await env.db.columns(place.table) if c.name == place.column)
    return "32000" if column.type in _INTEGERS else "'refunded'"


async def _try_update(env: Env, place: Place, where: str, value: str) -> str | None:
    refused = await env.db.attempt(f"{place.update_to(value)} where {where}")
    if refused is not None and refused.startswith(_OUR_MISTAKES):
        unknown(f"An UPDATE of {place.table} could not be tried: SQLSTATE {refused}")
    return refused
