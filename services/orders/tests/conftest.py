"""Fixtures of the service's tests: instances behind faults, people who signed up, processes."""

import io
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis
from sqlalchemy import event

from acidkit.observe import Redactor, configure_logs
from acidkit.testing import Instance, RedisServer, running
from acidkit.testing.plugin import postgres_server, redis_server
from acidkit.testing.service import (
    Addresses,
    ServiceProcess,
    addresses,
    client,
    database_proxy,
    database_url,
    logging_as_before,
    raw,
    redis_proxy,
    service,
    template,
)
from orders.app import build
from orders.settings import Settings

__all__ = [
    "addresses",
    "client",
    "database_proxy",
    "database_url",
    "logging_as_before",
    "postgres_server",
    "raw",
    "redis_proxy",
    "redis_server",
    "service",
    "template",
]

SECRET = "5e" * 32
PASSWORD = "correct horse"

StartWith = Callable[..., AbstractAsyncContextManager[Instance]]


@pytest.fixture(scope="session")
def home() -> Path:
    """The service's folder."""
    return Path(__file__).parents[1]


@pytest.fixture
def start(addresses: Addresses) -> StartWith:
    """Start instances of the service behind the proxies, with other settings where given."""

    @asynccontextmanager
    async def run(**others: Any) -> AsyncIterator[Instance]:
        settings: dict[str, Any] = {
            **addresses._asdict(),
            "secret_key": SECRET,
            "database_pool_size": 8,
            **others,
        }
        app = build(Settings(**settings))
        configure_logs(redactor=Redactor(), stream=io.StringIO(), service="test")
        async with running(app) as instance:
            yield instance

    return run


@pytest.fixture
def sign_up() -> Callable[..., Awaitable[dict[str, str]]]:
    """Register and log somebody in; gives the headers with which he asks."""
    numbers = itertools.count(1)

    async def somebody(client: httpx.AsyncClient, email: str | None = None) -> dict[str, str]:
        account = {"email": email or f"user{next(numbers)}@example.com", "password": PASSWORD}
        made = await client.post("/auth/register", json=account)
        assert made.status_code == 201, made.text
        tokens = (await client.post("/auth/login", json=account)).json()
        return {"Authorization": f"Bearer {tokens['access_token']}"}

    return somebody


@pytest.fixture
async def alice(
    client: httpx.AsyncClient, sign_up: Callable[..., Awaitable[dict[str, str]]]
) -> dict[str, str]:
    """The headers of somebody who is signed in."""
    return await sign_up(client, "alice@example.com")


@pytest.fixture
async def bob(
    client: httpx.AsyncClient, sign_up: Callable[..., Awaitable[dict[str, str]]]
) -> dict[str, str]:
    """The headers of somebody else."""
    return await sign_up(client, "bob@example.com")


@pytest.fixture
def add() -> Callable[..., Awaitable[httpx.Response]]:
    """Add an order of five cents, under a key of its own where none is given."""
    numbers = itertools.count(1)

    async def post(
        client: httpx.AsyncClient, who: dict[str, str], *, key: str | None = None, **order: Any
    ) -> httpx.Response:
        headers = {**who, "Idempotency-Key": key or f"key-{next(numbers)}"}
        body = {"total_cents": 5, "currency": "EUR", **order}
        return await client.post("/orders", json=body, headers=headers)

    return post


@pytest.fixture
def launch(
    home: Path, database_url: str, redis_server: RedisServer, raw: Redis
) -> Iterator[Callable[..., ServiceProcess]]:
    """Launch processes of the service; none is left behind."""
    del raw  # asked for because it empties the server
    launched: list[ServiceProcess] = []

    def run(**environment: str) -> ServiceProcess:
        base = {
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_server.url,
            "SECRET_KEY": SECRET,
        }
        process = ServiceProcess("orders", home=home, environment={**base, **environment})
        launched.append(process)
        return process

    yield run
    for process in launched:
        process.kill()


@pytest.fixture
async def statements(service: Instance) -> AsyncIterator[list[str]]:
    """What the instance sends to PostgreSQL from now on, by whichever way."""
    seen: list[str] = []
    engine = service.app.state.database.engine

    def listen(dbapi_connection: Any, *_rest: object) -> None:
        dbapi_connection.driver_connection.add_query_logger(note)

    def note(record: Any) -> None:
        seen.append(record.query)

    # Those that are open already are replaced by some that tell.
    await engine.dispose()
    event.listen(engine.sync_engine, "connect", listen)
    await service.app.state.database.warm_up()
    yield seen
    event.remove(engine.sync_engine, "connect", listen)
