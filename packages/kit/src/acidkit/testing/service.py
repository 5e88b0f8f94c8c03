"""Fixtures of a service's tests: a migrated database per test, an empty Redis, faults, processes.

A service's conftest imports those it wants and adds `home`, the folder with its `alembic.ini`, and
`start`, which runs the service at the `addresses` of the proxies.
"""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx
import pytest
from redis.asyncio import Redis

from acidkit.testing._faults import FaultProxy
from acidkit.testing._postgres import PostgresServer
from acidkit.testing._redis import RedisServer
from acidkit.testing._running import Instance, Start, run_alembic

PATIENCE = 30.0
POLL = 0.01


class ServiceProcess:
    """A service as it runs in production: `python -m module`, with a port and an output.

    Raises:
        AssertionError: it did not say in time where it listens; the message holds its output.
    """

    def __init__(self, module: str, *, home: Path, environment: Mapping[str, str]) -> None:
        self.lines: list[str] = []
        self._child = subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=home,
            env={
                **os.environ,
                "PYTHONPATH": str(home / "src"),
                "HOST": "127.0.0.1",
                "PORT": "0",
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            event = json.loads(self.wait_for("Uvicorn running on"))["event"]
        except AssertionError:
            self.kill()
            raise
        self.url = f"http://127.0.0.1:{urlsplit(event.split()[3]).port}"

    def wait_for(self, text: str) -> str:
        """Return the first line of the output that holds `text`."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            found = next((line for line in list(self.lines) if text in line), None)
            if found:
                return found
            time.sleep(POLL)
        raise AssertionError(f"no {text!r} in {self.lines}")

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._child.pid

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self._child.send_signal(number)

    def end(self) -> int:
        """Wait for the end and return the exit code."""
        code = self._child.wait(timeout=PATIENCE)
        self._reader.join(timeout=5)
        if self._child.stdout:
            self._child.stdout.close()
        return code

    def kill(self) -> None:
        """End it at once, whatever it does."""
        self._child.kill()
        self.end()

    def _read(self) -> None:
        if self._child.stdout:
            self.lines.extend(line for line in self._child.stdout)


@pytest.fixture(scope="session")
def template(postgres_server: PostgresServer, home: Path) -> Iterator[str]:
    """The name of a migrated, empty database."""
    url = postgres_server.create_database()
    run_alembic(home, url, "upgrade", "head")
    yield urlsplit(url).path.removeprefix("/")
    postgres_server.drop_database(url)


@pytest.fixture
def database_url(postgres_server: PostgresServer, template: str) -> Iterator[str]:
    """A migrated database of the test's own."""
    url = postgres_server.create_database(template=template)
    yield url
    postgres_server.drop_database(url)


@pytest.fixture
async def raw(redis_server: RedisServer) -> AsyncIterator[Redis]:
    """A plain client of an empty Redis."""
    client = Redis.from_url(redis_server.url)
    await client.flushall()
    yield client
    await client.aclose()


@pytest.fixture
async def redis_proxy(redis_server: RedisServer, raw: Redis) -> AsyncIterator[FaultProxy]:
    """A fault proxy in front of the empty Redis."""
    del raw  # asked for because it empties the server
    async with FaultProxy(redis_server.socket) as proxy:
        yield proxy


@pytest.fixture
async def database_proxy(postgres_server: PostgresServer) -> AsyncIterator[FaultProxy]:
    """A fault proxy in front of PostgreSQL."""
    if postgres_server.socket is None:
        pytest.skip("faults need a PostgreSQL of the tests' own")
    async with FaultProxy(postgres_server.socket) as proxy:
        yield proxy


class Addresses(NamedTuple):
    """Where a service finds its servers."""

    database_url: str
    redis_url: str


@pytest.fixture
def addresses(database_url: str, database_proxy: FaultProxy, redis_proxy: FaultProxy) -> Addresses:
    """The test's own database and the empty Redis, both behind their proxies."""
    name = urlsplit(database_url).path
    return Addresses(
        f"postgresql://postgres@127.0.0.1:{database_proxy.port}{name}",
        f"redis://127.0.0.1:{redis_proxy.port}/0",
    )


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
def logging_as_before() -> Iterator[None]:
    """Takes back what a service under test did to logging."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
