"""What the database saw: the number of statements does not grow with the number of items."""

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from acidtest.grader.sdk import Answer, Env, SqlStatement, check, clip, fail, unknown, unmet

from ._elsewhere import rests_on_postgres
from ._shelf import BASE, add_book, add_review

_SIZES = (1, 10, 40)
"""Items at which statements are counted; small enough for one default page or two."""
_STEEP = 0.5
"""Statements for each further item above which the number grows; one per item is N+1."""
_TRIES = 3


class Count(NamedTuple):
    """What one request cost."""

    items: int
    statements: int
    most: str
    """The statement sent most often."""
    repeats: int


@check("R11", group="statements", weight=3, requires=(BASE,))
async def the_list_of_books_takes_as_many_statements_for_forty_as_for_one(env: Env) -> None:
    """Listing the books takes no more SQL statements for forty books than for one.

    Books have reviews of their own. The cache is emptied before each request. Statements of drivers
    (BEGIN, SET, pings) do not count, the least of three tries does, and what counts is the slope:
    more than one statement for two further books fails.
    """
    await rests_on_postgres(env)

    async def ask() -> Answer:
        await env.cache.flushdb()
        return await env.call("list_books", replica=0)

    counts = []
    stored = 0
    for size in _SIZES:
        for _ in range(size - stored):
            book = await add_book(env)
            await add_review(env, book["id"])
        stored = size
        counts.append(await _count(env, ask))
    _judge(counts, "GET /books")


@check("R11", group="statements", weight=3)
async def the_list_of_reviews_takes_as_many_statements_for_forty_as_for_one(env: Env) -> None:
    """Listing the reviews of a book takes no more SQL statements for forty reviews than for one.

    Counted like the list of books.
    """
    await rests_on_postgres(env)
    book = await add_book(env)

    async def ask() -> Answer:
        await env.cache.flushdb()
        return await env.call("list_reviews", book_id=book["id"], replica=0)

    counts = []
    stored = 0
    for size in _SIZES:
        for _ in range(size - stored):
            await add_review(env, book["id"])
        stored = size
        counts.append(await _count(env, ask))
    _judge(counts, "GET /books/{id}/reviews")


async def _count(env: Env, ask: Callable[[], Awaitable[Answer]]) -> Count:
    """Ask up to three times and keep the cheapest: foreign statements only ever add."""
    best: Count | None = None
    for _ in range(_TRIES):
        async with env.watch() as seen:
            answer = await ask()
        answer.given({200}, "This rests on: the list answers 200")
        count = _cost(len(answer.items), seen.work)
        if best is None or count.statements < best.statements:
            best = count
        if best.statements <= 2:
            break
    if best is None:
        unmet("The list was not asked")
    return best


def _cost(items: int, statements: list[SqlStatement]) -> Count:
    ranked = Counter(" ".join(statement.text.split()) for statement in statements).most_common(1)
    text, repeats = ranked[0] if ranked else ("", 0)
    return Count(items, len(statements), text, repeats)


def _judge(counts: list[Count], what: str) -> None:
    few, many = counts[0], counts[-1]
    if not many.statements:
        unknown(f"{what} sent no SQL although the cache was empty, so nothing could be counted")
    if many.items - few.items < 5:
        unmet(f"{what} does not show more items when there are more")
    slope = (many.statements - few.statements) / (many.items - few.items)
    if slope > _STEEP:
        table: list[dict[str, str | None]] = [
            {"items": str(c.items), "statements": str(c.statements), "most repeated": clip(c.most)}
            for c in counts
        ]
        fail(
            f"{what} sends {slope:.1f} further statements for each further item",
            expected="as many statements for forty items as for one",
            observed="; ".join(f"{c.statements} statements for {c.items} items" for c in counts)
            + f"; {many.repeats} times: {clip(many.most, 300)}",
            tables={"statements": table},
        )
