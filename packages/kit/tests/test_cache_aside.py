import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import redis.asyncio
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from acidkit.cache import CacheAside, CacheLink, CacheMetrics, CacheSettings
from acidkit.testing import RedisServer, at_once

pytestmark = pytest.mark.lab


class Numbers:
    """A codec for integers."""

    def encode(self, value: int) -> bytes:
        """Return digits."""
        return str(value).encode()

    def decode(self, raw: bytes) -> int:
        """Return the number."""
        return int(raw)


class Source:
    """A database of one number, whose reads and commits take a moment."""

    def __init__(self, dice: random.Random | None = None) -> None:
        self.value = 0
        self.loads = 0
        self._dice = dice or random.Random(0)

    async def _moment(self) -> None:
        # From nothing to some round trips of Redis.
        await asyncio.sleep(self._dice.choice([0, 0, 0.001, 0.002]) * self._dice.random())

    async def load(self) -> int:
        """Return the value as it was at one moment of this call."""
        self.loads += 1
        await self._moment()
        seen = self.value
        await self._moment()
        return seen

    async def write(self, cache: CacheAside[int]) -> int:
        """Commit the next value under the cache's guard and return it."""
        change = cache.change()
        await change.before_commit()
        await self._moment()
        self.value += 1
        written = self.value
        await self._moment()
        await change.after_commit(certain=True)
        return written


Make = Callable[[], Awaitable[CacheAside[int]]]


@pytest.fixture
async def instance(redis_server: RedisServer, raw: redis.asyncio.Redis) -> AsyncIterator[Make]:
    """Make caches as separate processes would have them, on one empty Redis."""
    assert await raw.dbsize() == 0
    links: list[CacheLink] = []

    async def make() -> CacheAside[int]:
        settings = CacheSettings(url=SecretStr(redis_server.url), budget=2.0)
        link = CacheLink(settings, metrics=CacheMetrics(CollectorRegistry()))
        cache = CacheAside(link, name="numbers", codec=Numbers())
        await link.start()
        links.append(link)
        return cache

    yield make
    for link in links:
        await link.close()


async def test_miss_fills_and_hit_does_not_load(instance: Make, raw: redis.asyncio.Redis) -> None:
    """The first fetch loads and stores, the second one loads nothing; every key expires."""
    cache, source = await instance(), Source()
    assert [await cache.fetch("a", source.load) for _ in range(3)] == [0, 0, 0]
    assert source.loads == 1
    ttls = [await raw.pttl(key) for key in await raw.keys("*")]
    assert ttls
    assert all(0 < ttl <= 120_000 for ttl in ttls)


async def test_write_is_seen_by_every_instance(instance: Make) -> None:
    """A fetch that begins after a write returns it, from whichever instance."""
    one, two, source = await instance(), await instance(), Source()
    for expected in range(1, 20):
        await one.fetch("a", source.load)
        await two.fetch("a", source.load)
        await source.write(one)
        assert await two.fetch("a", source.load) == expected


async def race(
    caches: list[CacheAside[int]], source: Source, raw: redis.asyncio.Redis, *, seed: int
) -> list[str]:
    """Let readers and writers meet in a random order; return what was older than allowed."""
    dice = random.Random(seed)
    if dice.random() < 0.5:
        await raw.flushall()
    acknowledged = source.value
    stale: list[str] = []

    async def reader(cache: CacheAside[int]) -> None:
        await asyncio.sleep(dice.random() * 0.0015)
        least = acknowledged
        got = await cache.fetch("a", source.load)
        if got < least:
            stale.append(f"seed {seed}: {got} after {least}")

    async def writer(cache: CacheAside[int]) -> None:
        nonlocal acknowledged
        await asyncio.sleep(dice.random() * 0.0015)
        acknowledged = max(acknowledged, await source.write(cache))

    async with asyncio.TaskGroup() as group:
        for _ in range(dice.randrange(1, 4)):
            group.create_task(reader(dice.choice(caches)))
        for _ in range(dice.randrange(1, 3)):
            group.create_task(writer(dice.choice(caches)))
    for cache in caches:
        got = await cache.fetch("a", source.load)
        if got != source.value:
            stale.append(f"seed {seed}: at rest {got}, not {source.value}")
    return stale


async def test_thousand_interleavings_leave_nothing_stale(
    instance: Make, raw: redis.asyncio.Redis
) -> None:
    """Reads, commits and invalidations in a thousand random orders: never older than a write."""
    caches = [await instance(), await instance()]
    source = Source(random.Random(7))
    stale = [line for seed in range(1000) for line in await race(caches, source, raw, seed=seed)]
    assert stale == []
    assert source.loads < 1000 * 7


async def test_the_race_test_can_fail(
    instance: Make, raw: redis.asyncio.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cache that only deletes the entry after the commit is caught by the same race."""

    async def naive(_: CacheAside[int], key: str, load: Callable[[], Awaitable[int]]) -> int:
        found = await raw.get(f"naive:{key}")
        if found is not None:
            return int(found)
        value = await load()
        await asyncio.sleep(source._dice.random() * 0.01)
        await raw.set(f"naive:{key}", value, px=30_000)
        return value

    caches = [await instance(), await instance()]
    monkeypatch.setattr(CacheAside, "fetch", naive)
    source = Source(random.Random(7))
    write = source.write

    async def delete_after(cache: CacheAside[int]) -> int:
        written = await write(cache)
        await raw.delete("naive:a")
        return written

    monkeypatch.setattr(source, "write", delete_after)
    for seed in range(1000):
        if await race(caches, source, raw, seed=seed):
            return
    pytest.fail("the race found nothing wrong with a wrong cache")


async def test_slow_reader_cannot_fill_the_past(instance: Make) -> None:
    """A reader that read before a write and fills after it changes nothing for others."""
    one, two, source = await instance(), await instance(), Source()
    read, go = asyncio.Event(), asyncio.Event()

    async def slow() -> int:
        seen = source.value
        read.set()
        await go.wait()
        return seen

    reader = asyncio.create_task(one.fetch("a", slow))
    await read.wait()
    await source.write(two)
    go.set()
    assert await reader == 0
    assert await one.fetch("a", source.load) == await two.fetch("a", source.load) == 1


async def test_killed_writer_leaves_nothing_stale(instance: Make) -> None:
    """A writer that dies between its commit and its last word cannot leave the old value behind."""
    one, two, source = await instance(), await instance(), Source()
    await two.fetch("a", source.load)
    await one.change().before_commit()
    assert await two.fetch("a", source.load) == 0
    source.value = 5
    assert await two.fetch("a", source.load) == 5


async def test_uncertain_commit_keeps_the_cache_out(instance: Make) -> None:
    """While nobody knows whether a commit happened, no value is kept."""
    cache, source = await instance(), Source()
    change = cache.change()
    await change.before_commit()
    await change.after_commit(certain=False)
    assert await cache.fetch("a", source.load) == 0
    source.value = 1
    assert await cache.fetch("a", source.load) == 1


async def test_crowd_on_two_instances_loads_once(instance: Make) -> None:
    """Two hundred callers at two instances cause one load while the lease is held."""
    caches = [await instance(), await instance()]
    loads = 0

    async def slow() -> int:
        nonlocal loads
        loads += 1
        await asyncio.sleep(0.1)
        return 3

    results = await at_once(200, lambda number: caches[number % 2].fetch("a", slow))
    assert set(results) == {3}
    assert loads == 1


async def test_dead_holder_is_not_waited_for_long(instance: Make, raw: redis.asyncio.Redis) -> None:
    """When whoever holds the lease is gone, others help themselves within their patience."""
    cache, source = await instance(), Source()
    await raw.set("numbers:lease:a", "somebody else", px=60_000)
    async with asyncio.timeout(3):
        assert await cache.fetch("a", source.load) == 0
        assert await cache.fetch("a", source.load) == 0
    assert source.loads == 1


async def test_failed_load_is_not_cached_and_frees_the_lease(
    instance: Make, raw: redis.asyncio.Redis
) -> None:
    """An error reaches its caller, is not stored, and holds nobody up."""
    cache, source = await instance(), Source()

    async def broken() -> int:
        raise OSError("no database")

    with pytest.raises(OSError, match="no database"):
        await cache.fetch("a", broken)
    assert not await raw.exists("numbers:lease:a")
    assert await cache.fetch("a", source.load) == 0


@pytest.mark.parametrize("kind", ["text", "list", "wrong schema", "binary"])
async def test_poisoned_keys_are_replaced(
    instance: Make, raw: redis.asyncio.Redis, kind: str
) -> None:
    """Whatever somebody else writes over our keys is a miss, and soon replaced by the truth."""
    cache, source = await instance(), Source()
    await cache.fetch("a", source.load)
    for key in [*await raw.keys("*"), "numbers:writers"]:
        word = await raw.get("numbers:version") if kind == "wrong schema" else None
        await raw.delete(key) if kind != "wrong schema" else None
        if kind == "list":
            await raw.rpush(key, "x")
        elif kind == "wrong schema" and b"entry" in (
            key if isinstance(key, bytes) else key.encode()
        ):
            await raw.set(key, f"{word.decode()}not a number" if isinstance(word, bytes) else "x")
        elif kind != "wrong schema":
            await raw.set(key, "garbage" if kind == "text" else b"\xff\x00")
    source.value = 9
    loads = source.loads
    assert [await cache.fetch("a", source.load) for _ in range(3)] == [9, 9, 9]
    assert source.loads <= loads + 2
    before = source.loads
    await cache.fetch("a", source.load)
    assert source.loads == before


async def test_flush_in_between_is_harmless(instance: Make, raw: redis.asyncio.Redis) -> None:
    """A flush while a reader is at work cannot make its old value count."""
    one, two, source = await instance(), await instance(), Source()
    read, go = asyncio.Event(), asyncio.Event()

    async def slow() -> int:
        seen = source.value
        read.set()
        await go.wait()
        return seen

    reader = asyncio.create_task(one.fetch("a", slow))
    await read.wait()
    await source.write(two)
    await raw.flushall()
    go.set()
    await reader
    assert await two.fetch("a", source.load) == 1
