"""Fixtures of the service's tests: a migrated database per test, Redis, and the service itself."""

import io
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import redis.asyncio
from pydantic import SecretStr

from acidkit.observe import Redactor, configure_logs
from acidkit.testing import (
    FaultProxy,
    Instance,
    PostgresServer,
    RedisServer,
    Start,
    run_alembic,
    running,
)
from acidkit.testing.plugin import postgres_server, redis_server
from book_reviews.app import build
from book_reviews.settings import Settings

__all__ = ["postgres_server", "redis_server"]

HOME = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def template(postgres_server: PostgresServer) -> Iterator[str]:
    """The name of a migrated, empty database."""
    url = postgres_server.create_database()
    run_alembic(HOME, url, "upgrade", "head")
    yield urlsplit(url).path.removeprefix("/")
    postgres_server.drop_database(url)


@pytest.fixture
def database_url(postgres_server: PostgresServer, template: str) -> Iterator[str]:
    """A migrated database of the test's own."""
    url = postgres_server.create_database(template=template)
    yield url
    postgres_server.drop_database(url)


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
async def database_proxy(postgres_server: PostgresServer) -> AsyncIterator[FaultProxy]:
    """A fault proxy in front of PostgreSQL."""
    assert postgres_server.socket, "these tests need a server of their own"
    async with FaultProxy(postgres_server.socket) as proxy:
        yield proxy


@pytest.fixture
def start(database_url: str, database_proxy: FaultProxy, redis_proxy: FaultProxy) -> Start:
    """Start instances of the service behind the proxies."""
    name = urlsplit(database_url).path

    @asynccontextmanager
    async def run() -> AsyncIterator[Instance]:
        app = build(
            Settings(
                database_url=SecretStr(
                    f"postgresql://postgres@127.0.0.1:{database_proxy.port}{name}"
                ),
                redis_url=SecretStr(f"redis://127.0.0.1:{redis_proxy.port}/0"),
            )
        )
        configure_logs(redactor=Redactor(), stream=io.StringIO(), service="test")
        async with running(app) as instance:
            yield instance

    return run


@pytest.fixture
async def service(start: Start) -> AsyncIterator[Instance]:
    """One running instance."""
    async with start() as instance:
        yield instance


@pytest.fixture
async def client(service: Instance) -> httpx.AsyncClient:
    """A client of one running instance."""
    return service.client


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
