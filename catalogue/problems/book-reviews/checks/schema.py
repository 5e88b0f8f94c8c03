"""Migrations and schema: repeatable, enough to run on, and with the rules that keep data whole."""

import re

from acidtest.grader.sdk import (
    ADVISORY,
    NOT_THERE,
    Env,
    Index,
    Place,
    Unmet,
    check,
    clip,
    expect_migrated,
    expect_repeatable,
    fail,
    unknown,
)

from ._elsewhere import CLAIM, kept_elsewhere, named_store
from ._rows import Kept, find_rows
from ._shelf import new_book

_DEFINES = re.compile(
    r"^\s*(?:create|alter|drop)\s+(?:unique\s+)?(?:table|index|type)\b", re.IGNORECASE
)
_ENOUGH_ROWS = 100_000
_WASTEFUL = 100
"""Rows read and thrown away for each row returned, above which a table was searched."""
_OUR_MISTAKES = ("42", "26", "0A")
"""Classes of SQLSTATE that tell about the statement and nothing about the data."""
_BY_EQUALITY = frozenset({"btree", "hash"})


@check("R9", group="schema", weight=3)
async def one_command_builds_the_schema(env: Env) -> None:
    """One command brings an empty database to the schema that the service works on.

    The declared `migrate` command ran on an empty database before the service was started. It must
    end with exit code 0, and the tables that hold books and reviews must be among those it made,
    in the PostgreSQL of `DATABASE_URL`.
    """
    migration = env.migration
    if await _stored_elsewhere(env):
        fail(
            CLAIM,
            expected="statements at the database of DATABASE_URL when a book is added",
            observed=f"a book was stored and not one statement came{named_store(env.tree)}",
        )
    expect_migrated(env)
    await _tables_suffice(env)
    kept = await find_rows(env)
    missing = {kept.books, kept.reviews} - set(migration.tables)
    if missing:
        fail(
            f"`{migration.command}` does not make the tables that the service works on",
            expected=f"{', '.join(sorted(missing))} after the command",
            observed=f"it made {', '.join(migration.tables) or 'no table'};"
            " something else made the rest later",
        )


async def _tables_suffice(env: Env) -> None:
    """Fail where adding a book meets a table or a column that nobody made."""
    async with env.watch() as seen:
        await env.call("create_book", new_book(env))
    missing = [s for s in seen.sql if (s.error or "").startswith(NOT_THERE)]
    if missing:
        fail(
            f"`{env.migration.command}` does not make the tables that the service works on",
            expected="a schema on which a book can be added, made from an empty database",
            observed=f"{missing[0].error}: {clip(missing[0].text, 300)}",
        )


async def _stored_elsewhere(env: Env) -> bool:
    """Whether books are stored without PostgreSQL; not where they are not stored at all."""
    try:
        return await kept_elsewhere(env)
    except Unmet:
        return False


@check("R9", group="schema", weight=2)
async def running_it_again_changes_nothing(env: Env) -> None:
    """Running the migrations a second time succeeds and changes nothing.

    Compares every table, column, index and constraint.
    """
    expect_repeatable(env)


@check("R9", group="schema", kind=ADVISORY)
async def the_service_leaves_the_schema_alone(env: Env) -> None:
    """The service itself does not create or alter tables when it starts.

    Two instances that start at once would race, and it would need rights it should not have.
    """
    defining = [s.text for s in env.journal.sql() if _DEFINES.match(s.text)]
    if defining:
        fail(
            "The service defines its schema when it starts",
            expected="only the migrations do",
            observed=clip(defining[0], 300),
        )


@check("R9", group="schema")
async def tables_have_primary_keys(env: Env) -> None:
    """The tables of books and reviews have a primary key.

    A unique index over columns that cannot be null counts as one.
    """
    kept = await find_rows(env)
    for table in (kept.books, kept.reviews):
        columns = {column.name: column for column in await env.db.columns(table)}
        keys = [
            index
            for index in await env.db.indexes(table)
            if index.unique
            and index.valid
            and index.predicate is None
            and all(name in columns and not columns[name].nullable for name in index.columns)
        ]
        if not keys:
            fail(
                f"The table {table} has no primary key",
                expected="a primary key",
                observed="rows that nothing keeps apart",
            )


@check("R9", group="schema", weight=2)
async def the_database_keeps_isbns_unique(env: Env) -> None:
    """The database itself refuses a second book with the same ISBN.

    Tried as an UPDATE of one book to the ISBN of another, past the service, and rolled back.
    """
    kept = await find_rows(env)
    place = kept.book_places.get("isbn")
    if place is None:
        unknown("No column holds the ISBN as it was sent")
    other = await env.db.others(place, kept.book[place.column])
    refused = await _try_update(env, place, _is(place, kept), _literal(other[0]))
    if refused is None:
        fail(
            "The database accepts two books with the same ISBN",
            expected=f"a unique index on {place.column}",
            observed=f"an UPDATE of {place.table} to a taken ISBN went through",
        )


@check("R9", group="schema", weight=2)
async def the_database_ties_reviews_to_books(env: Env) -> None:
    """The database itself refuses a review of a book that does not exist.

    Tried as an UPDATE of a review to a book that is not there, past the service, and rolled back.
    """
    kept = await find_rows(env)
    column = next(c for c in await env.db.columns(kept.reviews) if c.name == kept.link.column)
    nowhere = "gen_random_uuid()" if column.type == "uuid" else "2000000011"
    if column.type.startswith(("character", "text")):
        nowhere = "'no-such-book'"
    refused = await _try_update(env, kept.link, _is_review(kept), nowhere)
    if refused is None:
        fail(
            "The database accepts a review of a book that does not exist",
            expected=f"a foreign key from {kept.link.column} to {kept.books}",
            observed=f"an UPDATE of {kept.reviews} to a missing book went through",
        )


@check("R9", group="schema", weight=2)
async def the_database_refuses_nulls_in_required_columns(env: Env) -> None:
    """The database itself refuses null in what is required of a book and of a review.

    Tried as UPDATEs of title, author, reviewer, rating and the review's book, rolled back.
    """
    kept = await find_rows(env)
    required = [kept.book_places.get(name) for name in ("title", "author")]
    required += [kept.review_places.get(name) for name in ("reviewer", "rating")]
    for place in (*required, kept.link):
        if place is None:
            continue
        where = _is_review(kept) if place.table == kept.reviews else _is(place, kept)
        if await _try_update(env, place, where, "null") is None:
            fail(
                f"The database accepts null in {place.table}.{place.column}",
                expected="NOT NULL",
                observed="an UPDATE to null went through",
            )


@check("R10", group="schema", weight=2)
async def reviews_have_an_index_by_book(env: Env) -> None:
    """There is an index that finds the reviews of one book.

    Any valid index or key of the reviews whose first column is the one that points at the book
    counts, whatever it is called and whatever follows in it. A partial one counts only where
    its condition leaves no review out.
    """
    kept = await find_rows(env)
    indexes = await env.db.indexes(kept.reviews)
    if not any(_finds(index, kept) for index in indexes):
        described = "; ".join(f"{i.name} ({', '.join(i.columns)})" for i in indexes)
        fail(
            "No index finds the reviews of one book",
            expected=f"an index of {kept.reviews} that begins with {kept.link.column}",
            observed=described or "no index at all",
        )


@check("R10", group="schema", weight=2)
async def reviews_of_one_book_are_read_through_the_index(env: Env) -> None:
    """The statement that lists a book's reviews finds them through an index among many.

    A hundred thousand reviews of other books are added past the service, the statement is captured
    with its real parameters and planned by PostgreSQL. It fails only where the plan reads the whole
    table and throws more than a hundred rows away for each it returns, even when told to avoid
    that.
    """
    kept = await find_rows(env)
    await _make_many(env, kept)
    await env.cache.flushdb()
    async with env.watch() as seen:
        answer = await env.call("list_reviews", book_id=kept.book_id)
    answer.given({200}, "This rests on: the reviews of a book answer 200")
    bare = kept.reviews.rpartition(".")[2].strip('"')
    statements = [s for s in seen.reads if bare in s.text]
    if not statements:
        unknown("No statement on the table of the reviews was seen")
    for statement in statements:
        plans = [await env.db.explain(statement, full_scans=allowed) for allowed in (True, False)]
        told = [plan for plan in plans if plan is not None]
        wasteful = [
            plan.full_scans(bare) and plan.rows_removed > _WASTEFUL * max(1, plan.rows)
            for plan in told
        ]
        if wasteful and all(wasteful):
            fail(
                "Listing the reviews of one book reads the reviews of all books",
                expected="an index scan",
                observed=f"{told[0].rows_removed} rows read and thrown away for"
                f" {told[0].rows} returned, by {clip(statement.text, 300)}",
                plan=told[0].text,
            )


def _finds(index: Index, kept: Kept) -> bool:
    if not index.valid or not index.columns or index.columns[0] != kept.link.column:
        return False
    if index.method not in _BY_EQUALITY:
        return False
    harmless = f"({kept.link.column} is not null)"
    return index.predicate is None or index.predicate.lower().replace('"', "") == harmless


async def _make_many(env: Env, kept: Kept) -> None:
    """Add many reviews of another book, so that only an index finds those of the first."""
    own = kept.review[kept.link.column]
    other = await env.db.others(Place(kept.books, kept.key), own)
    column = next(c for c in await env.db.columns(kept.reviews) if c.name == kept.link.column)
    mark = kept.review_places["comment"]
    await env.db.multiply(
        mark,
        kept.review[mark.column] or "",
        _ENOUGH_ROWS,
        changes={kept.link.column: f"{_literal(other[0])}::{column.type}"},
    )


async def _try_update(env: Env, place: Place, where: str, value: str) -> str | None:
    refused = await env.db.attempt(f"{place.update_to(value)} where {where}")
    if refused is not None and refused.startswith(_OUR_MISTAKES):
        unknown(f"An UPDATE of {place.table} could not be tried: SQLSTATE {refused}")
    return refused


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _is(place: Place, kept: Kept) -> str:
    """The condition that names the row of the book."""
    return _equals(Place(place.table, kept.key), kept.book[kept.key])


def _is_review(kept: Kept) -> str:
    """The condition that names the row of the review."""
    mark = kept.review_places["comment"]
    return _equals(mark, kept.review[mark.column])


def _equals(place: Place, value: str | None) -> str:
    return f"{place.quoted}::text = {_literal(value or '')}"
