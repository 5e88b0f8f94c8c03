"""The cache is down: it costs no answer, and at most a second."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from acidtest.grader.sdk import SAFETY, TIMING, Env, Item, SubmissionError, check, clip, fail

from ._operations import Shelf, ask_all, prepare, slowest
from ._shelf import BASE, add_book, new_book, stored, with_id
from ._watched import until_cached

_ALLOWED_WAIT = 1.0
_SLACK = 1.5
"""A second on paper is a second and a half on a busy machine."""
_ROUNDS = 2
_DEADLINE = 6.0
_BACK_IN_USE = 10.0
_GRACE = 2.0
_START_SECONDS = 30.0
_LONG = 75.0
"""Seconds for checks that wait for a recovery; a bad service must not make them void."""
_WATCHED = 8.0


@check("R14", group="cache_faults", kind=TIMING, weight=2, requires=(BASE,))
async def a_cache_that_refuses_connections_costs_little(env: Env) -> None:
    """While the cache refuses connections all four operations answer right and in time.

    Each is asked twice. Right means what it means at other times, in time that the slowest takes at
    most a second longer than before the fault; half a second more is allowed to the machine.
    """
    await _endure(env, env.redis.refused, "refuses connections")


@check("R14", group="cache_faults", kind=TIMING, weight=2, requires=(BASE,))
async def a_cache_that_resets_connections_costs_little(env: Env) -> None:
    """While the cache resets every connection at its first command all four operations work.

    Right and in time as in the other three ways.
    """
    await _endure(env, env.redis.resetting, "resets connections")


@check("R14", group="cache_faults", kind=TIMING, weight=2, requires=(BASE,))
async def a_cache_that_is_silent_costs_little(env: Env) -> None:
    """While the cache accepts commands and never answers all four operations work.

    Right and in time as in the other three ways.
    """
    await _endure(env, env.redis.stalled, "is silent")


@check("R14", group="cache_faults", kind=TIMING, weight=2, requires=(BASE,))
async def a_cache_that_is_slow_costs_little(env: Env) -> None:
    """While every answer of the cache takes two seconds all four operations work.

    Right and in time as in the other three ways.
    """
    await _endure(env, lambda: env.redis.slowed(2.0), "takes two seconds for an answer")


async def _endure(
    env: Env, fault: Callable[[], AbstractAsyncContextManager[None]], how: str
) -> None:
    shelf = await prepare(env)
    usual = slowest(await ask_all(env, shelf, deadline=_DEADLINE)).answer.seconds
    await until_cached(env)
    async with fault():
        for _ in range(_ROUNDS):
            await _expect_right(env, shelf, how, usual)


async def _expect_right(env: Env, shelf: Shelf, how: str, usual: float) -> None:
    asked = await ask_all(env, shelf, deadline=_DEADLINE)
    late = slowest(asked)
    limit = usual + _ALLOWED_WAIT * _SLACK
    if late.answer.seconds > limit:
        fail(
            f"While the cache {how}, {late.what} waits for it",
            expected=f"at most {_ALLOWED_WAIT:.0f} s longer than the usual {usual:.2f} s",
            observed=f"{late.answer.seconds:.2f} s; {clip(late.answer.summary(), 200)}",
        )
    for one in asked:
        if one.wrong:
            fail(
                f"While the cache {how}, {one.what} is not answered right: {one.wrong}",
                expected="the same answer as with the cache",
                observed=one.answer.summary(),
            )


@check(
    "R14",
    group="cache_faults",
    kind=TIMING,
    weight=2,
    requires=("a_hit_sends_no_sql",),
    deadline=_LONG,
)
async def a_cache_that_is_back_is_used_again(env: Env) -> None:
    """When the cache is back it is used again within ten seconds, without a restart.

    After a second of refused connections, and after a second of silence, the list must come without
    SQL again; two seconds more than the ten are allowed.
    """
    shelf = await prepare(env)
    for fault, how in ((env.redis.refused, "refused connections"), (env.redis.stalled, "silent")):
        async with fault():
            for _ in range(_ROUNDS):
                await ask_all(env, shelf, deadline=_DEADLINE)

        if not await until_cached(env, within=_BACK_IN_USE + _GRACE):
            fail(
                f"After the cache was {how} for a moment it is not used any more",
                expected=f"GET /books without SQL within {_BACK_IN_USE:.0f} s",
                observed="every list still asks the database",
            )


@check("R13", group="cache_faults", kind=SAFETY, weight=2, requires=(BASE,), deadline=_LONG)
async def a_book_added_while_the_cache_was_down_is_in_the_list(env: Env) -> None:
    """A book that was added while the cache was down is in every list after it is back.

    The list is in the cache; the cache goes away, a book is added, the cache comes back with the
    old list in it. Every list must hold the book, until the cache is used again and beyond.
    """
    await add_book(env)
    for fault, how in ((env.redis.refused, "refused connections"), (env.redis.stalled, "silent")):
        await until_cached(env)
        async with fault():
            answer = await env.call("create_book", new_book(env), deadline=_DEADLINE)
            book = stored(answer, "a book can be added while the cache is down")
        await _listed_until_cached(env, book, how)


async def _listed_until_cached(env: Env, book: Item, how: str) -> None:
    async def seen_and_cached() -> bool:
        async with env.watch() as seen:
            books = await env.walk("list_books", replica=0)
        if with_id(books, book["id"]) is None:
            fail(
                "A book that was added while the cache was down is missing in the list",
                expected=f"book {book['id']} in every list after the cache {how}",
                observed=f"{len(books)} books without it: an old list came back with the cache",
            )
        return not seen.work

    await env.until(seen_and_cached, within=_WATCHED, every=0.1)


@check("R14", group="cache_faults", requires=(BASE,), deadline=_LONG)
async def the_service_starts_without_its_cache(env: Env) -> None:
    """An instance that starts while the cache refuses connections works all the same."""
    shelf = await prepare(env)
    async with env.redis.refused():
        await env.service.kill(0)
        try:
            await env.service.start(0, within=_START_SECONDS)
        except SubmissionError as error:
            fail(
                "The service does not start while the cache refuses connections",
                expected="an instance that answers without a cache",
                observed=f"{error} {clip(error.log, 1000)}",
            )
        for one in await ask_all(env, shelf, deadline=_DEADLINE):
            if one.wrong:
                fail(
                    f"Started without its cache, {one.what} is not answered right: {one.wrong}",
                    expected="the same answer as with the cache",
                    observed=one.answer.summary(),
                )
