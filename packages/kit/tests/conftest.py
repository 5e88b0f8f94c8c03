"""Fixtures of the kit's tests: the shipped servers, and a cache on them."""

import io
import logging
from collections.abc import AsyncIterator, Iterator

import pytest
import redis.asyncio
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from acidkit.cache import CacheLink, CacheMetrics, CacheSettings
from acidkit.observe import Redactor, configure_logs
from acidkit.testing import FaultProxy, PostgresServer, RedisServer
from acidkit.testing.plugin import postgres_server, redis_server

__all__ = ["postgres_server", "redis_server"]


@pytest.fixture
async def raw(redis_server: RedisServer) -> AsyncIterator["redis.asyncio.Redis"]:
    """A plain client of an empty Redis."""
    client = redis.asyncio.Redis.from_url(redis_server.url)
    await client.flushall()
    yield client
    await client.aclose()


@pytest.fixture
async def redis_proxy(
    redis_server: RedisServer, raw: "redis.asyncio.Redis"
) -> AsyncIterator[FaultProxy]:
    """A fault proxy in front of the empty Redis."""
    assert await raw.dbsize() == 0
    async with FaultProxy(redis_server.socket) as proxy:
        yield proxy


@pytest.fixture
async def link(redis_proxy: FaultProxy) -> AsyncIterator[CacheLink]:
    """A link through the proxy, not started."""
    settings = CacheSettings(url=SecretStr(f"redis://127.0.0.1:{redis_proxy.port}/0"))
    made = CacheLink(settings, metrics=CacheMetrics(CollectorRegistry()))
    yield made
    await made.close()


@pytest.fixture
def database_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A new database."""
    url = postgres_server.create_database()
    yield url
    postgres_server.drop_database(url)


@pytest.fixture(autouse=True)
def _quiet_logs() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure_logs(redactor=Redactor(), stream=io.StringIO(), service="test")
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
