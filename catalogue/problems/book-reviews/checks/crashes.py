"""Crashes and stops: what was acknowledged stays, what is under way is finished."""

from acidtest.grader.sdk import (
    SAFETY,
    TIMING,
    Env,
    Request,
    answered_across_sigterm,
    check,
    expect_end_after_sigterm,
    expect_to_start_again,
    fail,
    unmet,
)

from ._elsewhere import rests_on_postgres
from ._shelf import BASE, STORED, add_book, add_review, new_book, with_id

_BOOKS = 6


@check("R17", group="crashes", kind=SAFETY, weight=3, requires=(BASE,), deadline=75.0)
async def what_was_acknowledged_survives_a_kill(env: Env) -> None:
    """What was answered with 201 is there after kill -9 and a restart.

    The database answers a little slower than usual, books and a review are added, and all processes
    are killed at the very moment the last 201 has come. After a restart every book must be listed.
    """
    await rests_on_postgres(env)
    ids = []
    async with env.postgres.slowed(0.06):
        for _ in range(_BOOKS):
            answer = await env.call("create_book", new_book(env))
            if answer.status in STORED:
                ids.append(answer.item["id"])
        if not ids:
            unmet("No book could be added")
        review = await add_review(env, ids[0])
        await env.service.kill()
    await expect_to_start_again(env)
    await env.cache.flushdb()
    books = await env.walk("list_books")
    missing = [book_id for book_id in ids if with_id(books, book_id) is None]
    if missing:
        fail(
            "A book that was answered with 201 is gone after kill -9 and a restart",
            expected=f"all {len(ids)} books",
            observed=f"missing: {len(missing)}, such as {missing[0]}",
        )
    reviews = await env.walk("list_reviews", book_id=ids[0])
    if with_id(reviews, review["id"]) is None:
        fail(
            "A review that was answered with 201 is gone after kill -9 and a restart",
            expected=f"review {review['id']}",
            observed=f"{len(reviews)} reviews without it",
        )


@check("R17", group="crashes", weight=2, requires=(BASE,))
async def a_request_under_way_is_finished_after_sigterm(env: Env) -> None:
    """After SIGTERM a request that is under way is finished.

    A new book is held on its way into the database, SIGTERM is sent, and less than a second later
    the write goes on. Its answer must be 201, and the book must be stored.
    """
    await rests_on_postgres(env)
    await add_book(env, replica=0)
    body = new_book(env)
    write = env.call("create_book", body, replica=0, deadline=15.0)
    answer = await answered_across_sigterm(env, write)
    answer.expect(STORED, "A request that was under way at SIGTERM is not finished")
    if await env.db.locate(body["title"]) is None:
        fail(
            "A book that was under way at SIGTERM was answered as stored and is not there",
            expected="the book in the database",
            observed=answer.summary(),
        )


@check("R17", group="crashes", kind=TIMING, weight=1, requires=(BASE,))
async def the_process_ends_after_sigterm(env: Env) -> None:
    """After SIGTERM the process ends within ten seconds, though a client keeps its connection open.

    Two seconds more are allowed. That it is killed in the end is the judge's work, not its own.
    """
    await add_book(env, replica=0)
    idle = Request("GET", env.dialect.path("list_books"))
    await env.http.send(idle, replica=0, keep_alive=True)
    await expect_end_after_sigterm(env)
