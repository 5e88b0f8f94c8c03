"""Fixtures of the service's tests: a migrated database per test, Redis, and the service itself."""

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from acidkit.observe import Redactor, configure_logs
from acidkit.testing import Instance, Start, running
from acidkit.testing.plugin import postgres_server, redis_server
from acidkit.testing.service import (
    Addresses,
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
from book_reviews.app import build
from book_reviews.settings import Settings

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


@pytest.fixture(scope="session")
def home() -> Path:
    """The service's folder."""
    return Path(__file__).parents[1]


@pytest.fixture
def start(addresses: Addresses) -> Start:
    """Start instances of the service behind the proxies."""

    @asynccontextmanager
    async def run() -> AsyncIterator[Instance]:
        app = build(
            Settings(
                database_url=SecretStr(addresses.database_url),
                redis_url=SecretStr(addresses.redis_url),
            )
        )
        configure_logs(redactor=Redactor(), stream=io.StringIO(), service="test")
        async with running(app) as instance:
            yield instance

    return run
