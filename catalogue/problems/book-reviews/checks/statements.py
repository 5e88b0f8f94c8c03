"""What the database saw: the number of statements does not grow with the number of items."""

from acidtest.grader.sdk import Answer, Env, check, count_statements, expect_flat

from ._elsewhere import rests_on_postgres
from ._shelf import BASE, add_book, add_review

_SIZES = (1, 10, 40)
"""Items at which statements are counted; small enough for one default page or two."""


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
        counts.append(await count_statements(env, ask))
    expect_flat(counts, "GET /books")


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
        counts.append(await count_statements(env, ask))
    expect_flat(counts, "GET /books/{id}/reviews")
