"""Fixtures: two processes of the service on servers that may be emptied."""

import asyncio
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest

ROOT = Path(__file__).parent.parent
PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class Answer:
    """What the service said."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Service:
    """Speaks to two instances."""

    def __init__(self, ports: list[int]) -> None:
        self._ports = ports
        self._threads = ThreadPoolExecutor(16)

    def ask(self, method: str, path: str, body: Any = None, *, instance: int = 0, **headers: str) -> Answer:
        """One request; header names are written with underscores."""
        data = None if body is None else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if data is not None:
            named["Content-Type"] = "application/json"
        url = f"http://127.0.0.1:{self._ports[instance]}{path}"
        request = urllib.request.Request(url, data, named, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                return Answer(response.status, dict(response.headers), response.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, dict(error.headers), error.read())

    def together(self, count: int, ask: Any) -> list[Answer]:
        """`ask(number)` for many numbers at once."""
        return list(self._threads.map(ask, range(count)))

    def register(self) -> str:
        email = f"{secrets.token_hex(8)}@example.com"
        self.ask("POST", "/api/auth/register", {"email": email, "password": PASSWORD})
        return email

    def log_in(self, email: str, password: str = PASSWORD, *, instance: int = 0) -> Answer:
        return self.ask("POST", "/api/auth/login", {"email": email, "password": password}, instance=instance)

    def newcomer(self) -> dict[str, Any]:
        """The tokens of somebody new."""
        return self.log_in(self.register()).json

    def order(self, token: str, key: str, *, instance: int = 0, total: int = 100) -> Answer:
        body = {"total_cents": total, "currency": "EUR"}
        return self.ask("POST", "/api/orders", body, instance=instance, Idempotency_Key=key, **bearer(token))


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError("the service does not start")


@pytest.fixture(scope="session")
def database() -> str:
    """The URL of the database, brought to the schema."""
    url = os.environ.get("TEST_DATABASE_URL")
    if not url or "TEST_REDIS_URL" not in os.environ:
        pytest.skip("TEST_DATABASE_URL and TEST_REDIS_URL are not set")
    subprocess.run([sys.executable, "migrate.py"], cwd=ROOT, env={**os.environ, "DATABASE_URL": url}, check=True)
    query(url, "TRUNCATE users, login_guards CASCADE")
    return url


@pytest.fixture(scope="session")
def service(database: str) -> Iterator[Service]:
    """Two instances."""
    env = {
        **os.environ,
        "DATABASE_URL": database,
        "REDIS_URL": os.environ["TEST_REDIS_URL"],
        "SECRET_KEY": secrets.token_hex(32),
    }
    ports = [_free_port(), _free_port()]
    started = [
        subprocess.Popen([sys.executable, "-m", "orders"], cwd=ROOT, env={**env, "PORT": str(port)}) for port in ports
    ]
    try:
        for port in ports:
            _wait_for(port)
        yield Service(ports)
    finally:
        for process in started:
            process.send_signal(signal.SIGTERM)
        for process in started:
            assert process.wait(timeout=10) == 0


def query(url: str, statement: str, *values: Any) -> list[Any]:
    """Rows, asked for behind the back of the service."""

    async def ask() -> list[Any]:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetch(statement, *values)
        finally:
            await connection.close()

    return asyncio.run(ask())
