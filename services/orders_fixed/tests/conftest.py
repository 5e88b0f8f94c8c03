"""Fixtures of the service's tests: the old tables with a few rows, migrated, and the service."""

import io
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from pydantic import SecretStr

from acidkit.observe import Redactor, configure_logs
from acidkit.testing import Instance, PostgresServer, Start, run_alembic, running
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
)
from acidkit.webhooks import SharedSecret
from orders_fixed.app import build
from orders_fixed.settings import Settings

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
]

HOME = Path(__file__).parents[1]
ROWS = """
INSERT INTO users SELECT n, 'user' || n || '@example.test', now() FROM generate_series(1, 3) AS n;
INSERT INTO products SELECT n, 'Product ' || n, 100 * n FROM generate_series(1, 5) AS n;
INSERT INTO orders
SELECT n, 1 + n % 3, (ARRAY['paid', 'paid', 'pending', 'cancelled'])[1 + n % 4]::order_status,
       'EUR', 100 * n, timestamptz '2025-09-30T00:00:00Z' + n / 3 * interval '1 hour'
FROM generate_series(1, 120) AS n;
INSERT INTO order_items
SELECT n, 1 + n % 120, 1 + n / 7 % 4, 1 + n % 3, 100 * (1 + n / 7 % 4)
FROM generate_series(1, 400) AS n;
"""


@pytest.fixture(scope="session")
def old_database(postgres_server: PostgresServer) -> Iterator[str]:
    """The address of a database as the old service left it, with a hundred orders."""
    url = postgres_server.create_database()
    scripts = [(HOME / "database" / name).read_text() for name in ("1-tables.sql", "3-keys.sql")]
    with psycopg.connect(url, autocommit=True) as connection:
        for script in (scripts[0], ROWS, scripts[1]):
            # psycopg sends a script of several statements as it is.
            connection.execute(script.encode())
    yield url
    postgres_server.drop_database(url)


@pytest.fixture(scope="session")
def template(postgres_server: PostgresServer, old_database: str) -> Iterator[str]:
    """The name of that database after the migrations."""
    url = postgres_server.create_database(template=urlsplit(old_database).path.removeprefix("/"))
    run_alembic(HOME, url, "upgrade", "head")
    yield urlsplit(url).path.removeprefix("/")
    postgres_server.drop_database(url)


@pytest.fixture(scope="session")
def secrets() -> tuple[str, str]:
    """The two active webhook secrets, the newest first."""
    return SharedSecret.new(), SharedSecret.new()


@pytest.fixture
def start(addresses: Addresses, secrets: tuple[str, str]) -> Start:
    """Start instances of the service behind the proxies."""

    @asynccontextmanager
    async def run() -> AsyncIterator[Instance]:
        app = build(
            Settings(
                database_url=SecretStr(addresses.database_url),
                redis_url=SecretStr(addresses.redis_url),
                webhook_secrets=SecretStr(" ".join(secrets)),
                max_in_flight=4,
                max_waiting=2,
            )
        )
        configure_logs(redactor=Redactor(), stream=io.StringIO(), service="test")
        async with running(app) as instance:
            yield instance

    return run
