"""Real servers for the tests of the lab: one of each per module, on a clean clock and journal."""

import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from acidtest.core.clock import RunClock
from acidtest.grader.lab.journal import Journal
from acidtest.grader.lab.postgres import Cluster
from acidtest.grader.lab.redis_server import RedisServer


@pytest.fixture(scope="session")
def open_folder() -> Iterator[Path]:
    """A folder other users can walk to, unlike pytest's own, so that servers may run as nobody."""
    folder = Path(tempfile.mkdtemp(prefix="acidtest-lab-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster(open_folder: Path) -> AsyncIterator[Cluster]:
    """A private PostgreSQL for the tests of one module."""
    run_dir = Path(tempfile.mkdtemp(prefix="pg-", dir=open_folder))
    run_dir.chmod(0o755)
    server = await Cluster.start(run_dir, cache_dir=open_folder / "cache")
    yield server
    await server.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def redis_server(open_folder: Path) -> AsyncIterator[RedisServer]:
    """A private Redis for the tests of one module."""
    run_dir = Path(tempfile.mkdtemp(prefix="redis-", dir=open_folder))
    run_dir.chmod(0o755)
    server = await RedisServer.start(run_dir)
    yield server
    await server.stop()


@pytest.fixture
def clock() -> RunClock:
    """A clock that starts with the test."""
    return RunClock()


@pytest.fixture
def journal(clock: RunClock) -> Journal:
    """An empty journal."""
    return Journal(clock)


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    """A bound and listening TCP socket on a free port, as the sandbox hands them out."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock
