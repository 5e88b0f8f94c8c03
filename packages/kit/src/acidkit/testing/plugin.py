"""Fixtures: servers for the whole run, skipped with a reason on machines that have none."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from acidkit.testing._postgres import PostgresServer
from acidkit.testing._redis import RedisServer


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL server: $TEST_DATABASE_URL's, else a private one per test process."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield PostgresServer(given)
        return
    # Not pytest's tmp_path: paths of unix sockets end at 107 characters.
    with tempfile.TemporaryDirectory(prefix="pg") as directory:
        try:
            server = PostgresServer.start(Path(directory))
        except FileNotFoundError as error:
            pytest.skip(str(error))
        yield server
        server.stop()


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """A private Redis server per test process."""
    with tempfile.TemporaryDirectory(prefix="rd") as directory:
        try:
            server = RedisServer.start(Path(directory))
        except FileNotFoundError as error:
            pytest.skip(str(error))
        yield server
        server.stop()
