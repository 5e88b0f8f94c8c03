"""The database is down: an honest error soon, no word too much, and recovery without a restart."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from acidtest.grader.sdk import (
    TIMING,
    Answer,
    Env,
    check,
    clip,
    error_problem,
    error_shape,
    fail,
    leak_in,
    unmet,
)

from ._elsewhere import rests_on_postgres
from ._shelf import BASE, STORED, add_book, add_review, new_book, new_review, unknown_id

_UNAVAILABLE = frozenset({503, 504})
_SOON = 5.0
_SOON_WHEN_SILENT = 10.0
_SLACK = 1.2
_RECOVERY = 10.0
_GRACE = 2.0


@check("R16", group="database_faults", kind=TIMING, weight=2, requires=(BASE,), deadline=75.0)
async def a_database_that_is_back_is_used_again(env: Env) -> None:
    """When the database is back the service works again within ten seconds, without a restart.

    After refused connections, reset ones and a silent database; two seconds more are allowed.
    """
    book_id = await _healthy(env)
    for fault, how in (
        (env.postgres.refused, "refused connections"),
        (env.postgres.resetting, "reset connections"),
        (env.postgres.stalled, "was silent"),
    ):
        async with fault():
            await _ask(env, book_id, deadline=2.0)

        async def works() -> bool:
            answers = await _ask(env, book_id, deadline=4.0)
            return all(answer.status in STORED for answer in answers.values())

        if not await env.until(works, within=_RECOVERY + _GRACE, every=0.2):
            fail(
                f"After the database {how} the service does not work again",
                expected=f"all four operations within {_RECOVERY:.0f} s",
                observed="; ".join(
                    f"{what}: {answer.summary()}"
                    for what, answer in (await _ask(env, book_id, deadline=4.0)).items()
                    if answer.status not in STORED
                ),
            )


@check("R16", group="database_faults", kind=TIMING, weight=2, requires=(BASE,))
async def without_a_database_the_answer_is_503_soon(env: Env) -> None:
    """While the database refuses connections, the answer is 503 or 504 within five seconds.

    Asked are the operations that need the database, with an empty cache, all at once. The answers
    have the shape of every other error.
    """
    await _fails_honestly(env, env.postgres.refused, within=_SOON, how="refuses connections")


@check("R16", group="database_faults", kind=TIMING, weight=2, requires=(BASE,))
async def with_a_silent_database_the_answer_is_503_in_time(env: Env) -> None:
    """While the database is silent, requests are answered with 503 or 504 within ten seconds.

    Connections stay open and nothing comes back. Asked and judged as with a database that refuses.
    """
    await _fails_honestly(env, env.postgres.stalled, within=_SOON_WHEN_SILENT, how="is silent")


async def _fails_honestly(
    env: Env,
    fault: Callable[[], AbstractAsyncContextManager[None]],
    *,
    within: float,
    how: str,
) -> None:
    book_id = await _healthy(env)
    usual = await env.call("list_reviews", book_id=unknown_id(env, book_id))
    await env.cache.flushdb()
    async with fault():
        answers = await _ask(env, book_id, deadline=within * _SLACK + 2.0)
        alive = env.service.running(0)
    if not alive:
        fail(
            f"The process ends when the database {how}",
            expected="a process that survives",
            observed="it ended",
        )
    for what, answer in answers.items():
        _expect_unavailable(answer, what, how)
        if answer.seconds > within * _SLACK:
            fail(
                f"While the database {how}, {what} takes too long to say so",
                expected=f"503 or 504 within {within:.0f} s",
                observed=f"{answer.seconds:.1f} s",
            )
        _expect_shape(answer, usual, what)


async def _healthy(env: Env) -> object:
    """A book that exists; waits until the service is over what another check did to it."""

    async def works() -> bool:
        return (await env.call("create_book", new_book(env))).ok

    await env.until(works, within=_RECOVERY + _GRACE, every=0.2)
    await rests_on_postgres(env)
    book = await add_book(env)
    await add_review(env, book["id"])
    return book["id"]


async def _ask(env: Env, book_id: object, *, deadline: float) -> dict[str, Answer]:
    async with asyncio.TaskGroup() as group:
        tasks = {
            "GET /books with an empty cache": env.call("list_books", deadline=deadline),
            "POST /books": env.call("create_book", new_book(env), deadline=deadline),
            "GET /books/{id}/reviews": env.call("list_reviews", book_id=book_id, deadline=deadline),
            "POST /books/{id}/reviews": env.call(
                "create_review", new_review(env), book_id=book_id, deadline=deadline
            ),
        }
        running = {what: group.create_task(asking) for what, asking in tasks.items()}
    return {what: task.result() for what, task in running.items()}


def _expect_unavailable(answer: Answer, what: str, how: str) -> None:
    if answer.status not in _UNAVAILABLE:
        fail(
            f"While the database {how}, {what} is not answered with 503 or 504",
            expected="503 or 504",
            observed=f"{answer.summary()} after {answer.seconds:.1f} s",
        )


def _expect_shape(answer: Answer, usual: Answer, what: str) -> None:
    problem = error_problem(answer)
    if problem:
        fail(
            f"Without a database the error of {what} is no JSON object with a message: {problem}",
            expected="the shape of every other error",
            observed=answer.summary(),
        )
    if (
        usual.status == 404
        and error_problem(usual) is None
        and not (error_shape(answer.json).messages & error_shape(usual.json).messages)
    ):
        fail(
            f"The error of {what} without a database has another shape than a 404",
            expected=clip(usual.text, 300),
            observed=clip(answer.text, 300),
        )


@check("R7", group="database_faults", requires=(BASE,))
async def a_lost_database_gives_nothing_internal_away(env: Env) -> None:
    """Without a database no answer shows a stack trace, SQL text, a file path or a secret."""
    book_id = await _healthy(env)
    start = env.now()
    await env.cache.flushdb()
    async with env.postgres.refused():
        await _ask(env, book_id, deadline=_SOON * _SLACK)
    async with env.postgres.resetting():
        await _ask(env, book_id, deadline=_SOON * _SLACK)
    exchanges = env.exchanges_since(start)
    if not any(exchange.status and exchange.status >= 500 for exchange in exchanges):
        unmet("No request was answered with an error, so there is nothing to look at")
    for exchange in exchanges:
        leak = leak_in(exchange.response_body, secrets=env.secrets)
        if leak is not None:
            fail(
                f"Without a database an answer shows {leak.what}",
                expected="an error that tells nothing about the inside of the service",
                observed=f"{exchange.method} answered {exchange.status}: {clip(leak.found, 300)}",
            )
