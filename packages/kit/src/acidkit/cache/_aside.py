"""Cache-aside over one namespace of entries, correct between processes.

Three keys besides the entries, all with an expiry:

* `{name}:version`: a random word. An entry counts only while it carries the current one, so
  removing this key wipes the namespace in one command that works even when Redis is full, and
  a slow reader that fills in an old value fills it under a word that no longer counts. Words are
  random: after an eviction or a flush none can come back.
* `{name}:writers`: writers between "about to commit" and "done". While one is there nobody fills.
  A writer that is killed in between leaves its name there until it expires, so that the list read
  just before its commit cannot be kept.
* `{name}:lease:{key}`: who computes an entry; the others wait a little, then help themselves.
"""

import asyncio
import contextlib
import random
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Generic, Protocol, TypeVar

from redis.exceptions import RedisError

from acidkit.cache._flights import Flights
from acidkit.cache._link import Budget, CacheLink, CacheUnavailable, Command

T = TypeVar("T")

WORD = re.compile(rb"[0-9a-f]{32}")
WORD_LENGTH = 32
SPREAD = 0.1  # entries made together must not expire together
POLL = 0.02
COMMIT_TIME = 4.0  # longer than any COMMIT is waited for
UNCERTAIN_TIME = 10.0  # a COMMIT of unknown outcome may still arrive at the server


class Codec(Protocol[T]):
    """Turns values into bytes and back."""

    def encode(self, value: T) -> bytes:
        """Return `value` as bytes."""

    def decode(self, raw: bytes) -> T:
        """Return the value; raises ValueError for anything that is not one."""


class CacheAside(Generic[T]):
    """Answers from Redis when it can, from `load` when it must, and never from the past."""

    def __init__(self, link: CacheLink, *, name: str, codec: Codec[T]) -> None:
        self._link = link
        self._codec = codec
        self._name = name
        self._version = f"{name}:version"
        self._writers = f"{name}:writers"
        self._flights: Flights[T] = Flights()
        link.serve(self._version)

    async def fetch(self, key: str, load: Callable[[], Awaitable[T]]) -> T:
        """Return the value of `key`, at least as new as the moment of this call."""
        return await self._flights.join(key, lambda: self._fetch(key, load))

    def change(self) -> "Change":
        """Return the guard that a transaction changing this namespace must be watched by."""
        return Change(self._link, version=self._version, writers=self._writers)

    async def close(self) -> None:
        """Cancel loads under way."""
        await self._flights.close()

    async def _fetch(self, key: str, load: Callable[[], Awaitable[T]]) -> T:
        budget = self._link.budget()
        try:
            found = await self._look(key, budget)
            if found is not None:
                return found[0]
            word, free = await self._prepare(key, budget)
            found = None if free else await self._wait_for_holder(key, budget)
            if found is not None:
                return found[0]
        except CacheUnavailable:
            self._count("bypass")
            return await self._load(load)
        try:
            value = await self._load(load)
        except Exception:
            # The next caller must not wait for a load that has failed.
            await self._try(("DEL", self._lease(key)), budget=budget)
            raise
        if word is not None:
            await self._fill(key, word, value, budget)
        return value

    async def _load(self, load: Callable[[], Awaitable[T]]) -> T:
        self._link.metrics.loads.labels(self._name).inc()
        return await load()

    async def _look(self, key: str, budget: Budget) -> tuple[T] | None:
        # MGET answers nil for a key of another type, where GET would be refused.
        (reply,) = await self._link.run(("MGET", self._version, self._entry(key)), budget=budget)
        if isinstance(reply, RedisError):
            raise CacheUnavailable from reply
        word, raw = reply
        if word is None or raw is None or raw[:WORD_LENGTH] != word:
            self._count("miss")
            return None
        try:
            value = self._codec.decode(raw[WORD_LENGTH:])
        except ValueError:
            self._count("poisoned")
            return None
        self._count("hit")
        return (value,)

    async def _prepare(self, key: str, budget: Budget) -> tuple[bytes | None, bool]:
        """Return the word to fill under (None: do not fill) and whether the load is ours to do."""
        settings = self._link.settings
        fresh = secrets.token_hex(WORD_LENGTH // 2)
        _, word, writers, lease = await self._link.run(
            ("SET", self._version, fresh, "NX", "PX", _ms(settings.ttl * 4)),
            ("GET", self._version),
            ("ZCOUNT", self._writers, time.time(), "+inf"),
            ("SET", self._lease(key), fresh, "NX", "PX", _ms(settings.lease)),
            budget=budget,
        )
        if isinstance(word, bytes) and WORD.fullmatch(word) and writers == 0:
            return word, lease is not None
        await self._link.run(
            ("DEL", self._lease(key), *self._overwritten(word, writers)), budget=budget
        )
        return None, True

    def _overwritten(self, word: Any, writers: Any) -> Iterator[str]:
        """Yield the control keys that hold something this class never wrote."""
        if word is not None and not (isinstance(word, bytes) and WORD.fullmatch(word)):
            yield self._version
        if isinstance(writers, RedisError):
            yield self._writers

    async def _wait_for_holder(self, key: str, budget: Budget) -> tuple[T] | None:
        deadline = time.monotonic() + self._link.settings.patience
        while time.monotonic() < deadline:
            await asyncio.sleep(POLL)
            (held,) = await self._link.run(("EXISTS", self._lease(key)), budget=budget)
            found = await self._look(key, budget)
            if found is not None or held == 0:
                return found
        return None

    async def _fill(self, key: str, word: bytes, value: T, budget: Budget) -> None:
        ttl = self._link.settings.ttl * (1 - random.uniform(0, SPREAD))  # noqa: S311 - no secret
        await self._try(
            ("SET", self._entry(key), word + self._codec.encode(value), "PX", _ms(ttl)),
            ("DEL", self._lease(key)),
            budget=budget,
        )

    async def _try(self, *commands: Command, budget: Budget) -> None:
        with contextlib.suppress(CacheUnavailable):
            await self._link.run(*commands, budget=budget)

    def _count(self, outcome: str) -> None:
        self._link.metrics.lookups.labels(self._name, outcome).inc()

    def _entry(self, key: str) -> str:
        return f"{self._name}:entry:{key}"

    def _lease(self, key: str) -> str:
        return f"{self._name}:lease:{key}"


class Change:
    """Stands around one commit: nothing old is kept from before it, whatever happens in it."""

    def __init__(self, link: CacheLink, *, version: str, writers: str) -> None:
        self._link = link
        self._version = version
        self._writers = writers
        self._id = secrets.token_hex(8)
        self._budget = link.budget()

    async def before_commit(self) -> None:
        """Announce the writer and wipe, so that no reader keeps what it read before the commit."""
        await self._announce(COMMIT_TIME)

    async def after_commit(self, *, certain: bool) -> None:
        """Wipe again and take the name off the list, or leave it on when nobody knows."""
        done = await self._withdraw() if certain else await self._announce(UNCERTAIN_TIME)
        if not done:
            self._link.distrust("a write could not be announced")

    async def _announce(self, seconds: float) -> bool:
        now = time.time()
        return await self._wipe(
            ("ZREMRANGEBYSCORE", self._writers, "-inf", now),
            ("ZADD", self._writers, now + seconds, self._id),
            ("PEXPIRE", self._writers, _ms(UNCERTAIN_TIME)),
        )

    async def _withdraw(self) -> bool:
        return await self._wipe(("ZREM", self._writers, self._id))

    async def _wipe(self, *commands: Command) -> bool:
        try:
            replies = await self._link.run(*commands, ("DEL", self._version), budget=self._budget)
        except CacheUnavailable:
            return False
        # The list of writers may be refused (Redis full, key of another type); the wipe decides.
        return isinstance(replies[-1], int)


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
