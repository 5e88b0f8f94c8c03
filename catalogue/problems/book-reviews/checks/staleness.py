"""Slow readers against fast writers: an old list must never come back into the cache."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from acidtest.grader.sdk import (
    SAFETY,
    Answer,
    Env,
    Item,
    LastingWrite,
    Unmet,
    check,
    fail,
    replica_name,
    unknown,
    unmet,
)

from ._elsewhere import rests_on_postgres
from ._shelf import BASE, add_book, new_book, stored, with_id
from ._watched import FillAfterRead, until_cached

_REACH = 3.0
_WRITER_SECONDS = 2.0
"""How long a writer may be kept waiting by a held reader before the gate opens for it."""
_SETTLE_SECONDS = 4.0
"""How long an instance may leave the cache alone after a command of it was held."""


class _Held(Protocol):
    async def reached(self, n: int = 1, *, timeout: float = 5.0) -> bool: ...
    def release(self, n: int | None = None) -> None: ...


@check("R13", group="races", kind=SAFETY, weight=3, requires=(BASE,))
async def a_delayed_cache_write_brings_no_old_list_back(env: Env) -> None:
    """A reader whose cache write is delayed cannot put an old list over a newer one.

    One instance reads the list from the database, and its write into the cache is held. The other
    adds a book. Then the held write goes on. Every list from then on must hold the book.
    """
    await rests_on_postgres(env)
    await add_book(env, replica=0)
    await until_cached(env)
    await _cold(env)
    fill = FillAfterRead(env, replica_name(env, 0))
    with env.redis.gate(fill) as gate:
        reached, book = await _write_meanwhile(env, gate, writer=1)
    if not reached:
        await _explain_no_fill(env)
    await _expect_from_now_on(env, book)


@check("R13", group="races", kind=SAFETY, weight=3, requires=(BASE,))
async def a_delayed_database_read_brings_no_old_list_back(env: Env) -> None:
    """A reader whose database answer is delayed cannot put an old list over a newer one.

    One instance has read the list, and the database's answer is held. The other adds a book. Then
    the answer goes on and the reader fills the cache. Every list from then on must hold the book.
    Tried for each statement that listing sends.
    """
    await rests_on_postgres(env)
    await add_book(env, replica=0)
    await until_cached(env)
    for text in await _reads_of_a_cold_list(env):
        await _cold(env)
        matches = _reads(replica_name(env, 0), text)
        with env.postgres.gate(matches, side="reply") as gate:
            _, book = await _write_meanwhile(env, gate, writer=1)
        await _expect_from_now_on(env, book)


@check("R13", group="races", kind=SAFETY, weight=3, requires=(BASE,))
async def a_list_read_before_the_commit_does_not_outlive_it(env: Env) -> None:
    """A list that was read just before a book was committed is not served after its 201.

    One instance adds a book, and its commit is held. The other answers the list and fills the
    cache. Then the commit goes on. Every list after the 201 must hold the book.
    """
    await rests_on_postgres(env)
    await add_book(env, replica=0)
    await until_cached(env)
    await _cold(env)
    with env.postgres.gate(LastingWrite(replica_name(env, 0))) as gate:
        async with asyncio.TaskGroup() as group:
            writing = group.create_task(env.call("create_book", new_book(env), replica=0))
            if not await gate.reached(timeout=_REACH):
                env.note("no commit came to the gate")
            # Twice: a reader that met a writer at work may rightly leave the cache alone.
            reading = group.create_task(_read_twice(env, replica=1))
            await asyncio.wait({reading}, timeout=_WRITER_SECONDS)
            gate.release()
    book = stored(writing.result(), "a book can be added")
    await _expect_from_now_on(env, book)


async def _read_twice(env: Env, *, replica: int) -> None:
    for _ in range(2):
        await env.call("list_books", replica=replica)


async def _cold(env: Env) -> None:
    """Empty the cache when nobody is about to fill it."""
    await env.quiet()
    await env.cache.flushdb()


async def _write_meanwhile(env: Env, gate: _Held, *, writer: int) -> tuple[bool, Item]:
    """Let a reader run into the gate, add a book meanwhile, and open the gate."""
    async with asyncio.TaskGroup() as group:
        group.create_task(env.call("list_books", replica=0))
        reached = await gate.reached(timeout=_REACH)
        writing: asyncio.Task[Answer] = group.create_task(
            env.call("create_book", new_book(env), replica=writer)
        )
        await asyncio.wait({writing}, timeout=_WRITER_SECONDS)
        if not writing.done():
            env.note("the writer waits for the reader; the gate opens")
        gate.release()
    return reached, stored(writing.result(), "a book can be added")


async def _reads_of_a_cold_list(env: Env) -> list[str]:
    await _cold(env)
    async with env.watch() as seen:
        answer = await env.call("list_books", replica=0)
    answer.given({200}, "This rests on: GET /books answers 200")
    texts = list(dict.fromkeys(statement.text for statement in seen.reads))
    if not texts:
        unmet("A list that is not cached sends no SQL, so no read could be delayed")
    return texts[:3]


def _reads(replica: str, text: str) -> Callable[[Any], bool]:
    return lambda statement: statement.replica == replica and statement.text == text


async def _explain_no_fill(env: Env) -> None:
    if await env.cache.dbsize():
        unknown("The cache was filled, but not by a command that could be recognised and held")
    raise Unmet("No instance filled the cache after it had read the list")


async def _expect_from_now_on(env: Env, book: Item) -> None:
    """Fail unless every instance lists `book` now and until it serves from the cache again."""
    await env.quiet()
    for replica in range(env.replicas):
        give_up = env.now() + _SETTLE_SECONDS
        while True:
            async with env.watch() as seen:
                books = await env.walk("list_books", replica=replica)
            if with_id(books, book["id"]) is None:
                fail(
                    "An old list came back: a book that was answered with 201 is missing in it",
                    expected=f"book {book['id']} in every list of instance {replica + 1}",
                    observed=f"{len(books)} books without it",
                )
            if not seen.work or env.now() > give_up:
                break
