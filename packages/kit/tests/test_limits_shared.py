from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import redis.asyncio
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from acidkit.cache import CacheLink, CacheMetrics, CacheSettings
from acidkit.limits import Ask, Limiter, LimitMetrics, Rate
from acidkit.testing import RedisServer, at_once

pytestmark = pytest.mark.lab

HOUR = 3600


def ask(rate: str, *, name: str = "ip", key: str = "198.51.100.7", weight: int = 1) -> Ask:
    """Return one bucket's worth of a request."""
    return Ask(name, Rate.parse(rate), key, weight)


class Bench:
    """Makes limiters as separate processes would have them: each with its own link."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self.registries: list[CollectorRegistry] = []

    async def limiter(self, url: str, *, name: str = "orders") -> tuple[Limiter, CacheLink]:
        """Return a limiter that has reached Redis, and its link."""
        registry = CollectorRegistry()
        settings = CacheSettings(url=SecretStr(url), connections=64)
        link = CacheLink(settings, metrics=CacheMetrics(registry))
        self._stack.push_async_callback(link.close)
        await link.start()
        self.registries.append(registry)
        limiter = Limiter(link, name=name, metrics=LimitMetrics(registry), patience=5)
        return limiter, link


@pytest.fixture
async def bench(raw: "redis.asyncio.Redis") -> AsyncIterator[Bench]:
    """A bench on an empty Redis."""
    assert await raw.dbsize() == 0
    async with AsyncExitStack() as stack:
        yield Bench(stack)


async def test_two_limiters_let_exactly_the_quota_pass(
    bench: Bench, redis_server: RedisServer
) -> None:
    """Of 500 requests at once over two limiters, 100 pass at 100 an hour."""
    limiters = [(await bench.limiter(redis_server.url))[0] for _ in range(2)]
    decisions = await at_once(500, lambda number: limiters[number % 2].take([ask("100/1h")]))
    assert sum(not decision.refused for decision in decisions) == 100
    assert {d.standings[0].remaining for d in decisions if not d.refused} == set(range(100))
