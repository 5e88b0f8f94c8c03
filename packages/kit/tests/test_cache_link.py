import asyncio
import time

import pytest
import redis.asyncio

from acidkit.cache import CacheAside, CacheLink, CacheUnavailable
from acidkit.testing import Fault, FaultProxy

pytestmark = pytest.mark.lab


class Numbers:
    """A codec for integers."""

    def encode(self, value: int) -> bytes:
        """Return digits."""
        return str(value).encode()

    def decode(self, raw: bytes) -> int:
        """Return the number."""
        return int(raw)


async def seven() -> int:
    """Load what every test caches."""
    return 7


async def until_trusted(link: CacheLink) -> None:
    """Wait until the recovery of a distrusted link has ended."""
    if not link.trusted:
        assert link._recovery
        await asyncio.wait_for(link._recovery, 5)


def count(link: CacheLink, outcome: str) -> float:
    """Return how many lookups ended like this."""
    return float(link.metrics.lookups.labels("numbers", outcome)._value.get())


@pytest.mark.parametrize("fault", [Fault.REFUSE, Fault.RESET, Fault.STALL, Fault.SLOW])
async def test_fault_costs_little_and_ends_by_itself(
    link: CacheLink, redis_proxy: FaultProxy, fault: Fault
) -> None:
    """In each fault answers stay right and soon cost nothing; then the cache is back."""
    cache = CacheAside(link, name="numbers", codec=Numbers())
    await link.start()
    await cache.fetch("a", seven)
    await redis_proxy.set(fault)
    times = []
    for _ in range(12):
        begun = time.monotonic()
        assert await cache.fetch("a", seven) == 7
        times.append(time.monotonic() - begun)
    assert max(times) < 1.0
    assert sorted(times)[5] < 0.05
    assert not link.trusted
    await redis_proxy.set(Fault.NONE)
    await until_trusted(link)
    hits = count(link, "hit")
    await cache.fetch("a", seven)
    await cache.fetch("a", seven)
    assert count(link, "hit") == hits + 1


async def test_start_without_redis(link: CacheLink, redis_proxy: FaultProxy) -> None:
    """A service starts without Redis and uses it as soon as it is there."""
    await redis_proxy.set(Fault.REFUSE)
    cache = CacheAside(link, name="numbers", codec=Numbers())
    await link.start()
    assert await cache.fetch("a", seven) == 7
    assert count(link, "bypass") == 1
    await redis_proxy.set(Fault.NONE)
    await until_trusted(link)


@pytest.mark.parametrize("fault", [Fault.REFUSE, Fault.STALL])
async def test_write_during_an_outage_is_not_forgotten(
    link: CacheLink, redis_proxy: FaultProxy, fault: Fault
) -> None:
    """An entry from before an outage is not served after it, when a write came in between."""
    cache = CacheAside(link, name="numbers", codec=Numbers())
    await link.start()
    await cache.fetch("a", seven)
    await redis_proxy.set(fault)
    change = cache.change()
    await change.before_commit()
    await change.after_commit(certain=True)
    assert not link.trusted
    await redis_proxy.set(Fault.NONE)
    await until_trusted(link)

    async def eight() -> int:
        return 8

    assert await cache.fetch("a", eight) == 8


async def test_wipe_that_began_before_a_lost_write_does_not_count(
    link: CacheLink, redis_proxy: FaultProxy
) -> None:
    """Trust comes back only by a wipe that began after the last lost invalidation."""
    link.serve("numbers:version")
    await redis_proxy.set(Fault.STALL)
    attempt = asyncio.create_task(link._regain())
    await asyncio.sleep(0.02)
    link._distrusts += 1
    await redis_proxy.set(Fault.NONE)
    assert await attempt is False
    assert not link.trusted


async def test_full_redis_is_still_told_of_writes(
    link: CacheLink, raw: redis.asyncio.Redis
) -> None:
    """When Redis refuses to store, values are right and writes still remove the old ones."""
    cache = CacheAside(link, name="numbers", codec=Numbers())
    await link.start()
    await cache.fetch("a", seven)
    before = await raw.config_get("maxmemory")
    await raw.config_set("maxmemory", "1")
    try:
        change = cache.change()
        await change.before_commit()
        await change.after_commit(certain=True)

        async def eight() -> int:
            return 8

        assert [await cache.fetch("a", eight) for _ in range(3)] == [8, 8, 8]
        assert link.trusted
    finally:
        await raw.config_set("maxmemory", str(before["maxmemory"]))
    assert [await cache.fetch("a", eight) for _ in range(2)] == [8, 8]


async def test_late_replies_are_never_taken_for_others(
    link: CacheLink, redis_proxy: FaultProxy, raw: redis.asyncio.Redis
) -> None:
    """After a stall is released, no reply of an abandoned command answers a later one."""
    await link.start()
    for number in range(5):
        await raw.set(f"k{number}", number)
    await redis_proxy.set(Fault.STALL)
    for _ in range(3):
        with pytest.raises(CacheUnavailable):
            await link.run(("GET", "k0"), budget=link.budget())
    await redis_proxy.set(Fault.NONE)
    await until_trusted(link)
    for number in range(5):
        replies = await link.run(("GET", f"k{number}"), budget=link.budget())
        assert replies == [str(number).encode()]
