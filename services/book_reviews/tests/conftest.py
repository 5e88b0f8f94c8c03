"""Fixtures of the service's tests: a migrated database per test, Redis, and the service itself."""

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from pydantic import SecretStr

from acidkit.observe import Redactor, configure_logs
from acidkit.testing import FaultProxy, Instance, Start, running
from acidkit.testing.plugin import postgres_server, redis_server
from acidkit.testing.service import (
    database_proxy,
    database_url,
    logging_as_before,
    raw,
    redis_proxy,
    template,
)
from book_reviews.app import build
from book_reviews.settings import Settings

__all__ = [
    "database_proxy",
    "database_url",
    "logging_as_before",
    "postgres_server",
    "raw",
    "redis_proxy",
    "redis_server",
    "template",
]


@pytest.fixture(scope="session")
def home() -> Path:
    """The service's folder."""
    return Path(__file__).parents[1]


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
