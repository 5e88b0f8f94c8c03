"""What the tests of the lab share: Redis, a clock, a journal, a socket, and a way to build."""

import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from acidtest.core.clock import RunClock
from acidtest.core.errors import InfrastructureError
from acidtest.grader.lab.build import Built, build
from acidtest.grader.lab.intake import Submission, take_in
from acidtest.grader.lab.journal import Journal
from acidtest.grader.lab.leftovers import RunDirectory
from acidtest.grader.lab.recipe import Recipe, recognise
from acidtest.grader.lab.redis_server import RedisServer
from acidtest.grader.lab.sandbox import Driver, choose_driver

Builder = Callable[..., Coroutine[Any, Any, Built]]


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


@pytest.fixture
async def driver() -> Driver:
    """The isolating driver, or the plain one where this machine permits no sandbox."""
    try:
        return await choose_driver()
    except InfrastructureError:
        return await choose_driver("local-unsafe", allow_unsafe=True)


@pytest.fixture
def run_dir(tmp_path: Path) -> Iterator[Path]:
    """A run's directory, ended with the test."""
    with RunDirectory.create(tmp_path / "state") as run:
        yield run.path


@pytest.fixture
def make(driver: Driver, run_dir: Path, tmp_path: Path) -> Builder:
    """Build a submission made of files, with a cache of the test's own."""
    count = 0

    async def built(
        files: dict[str, str],
        recipe: Recipe | None = None,
        *,
        deadline: float = 100.0,
        subdirectory: str | None = None,
        committed_at: datetime | None = None,
    ) -> Built:
        nonlocal count
        count += 1
        submission = await _submission(tmp_path / f"s{count}", files, subdirectory)
        submission = submission.model_copy(update={"committed_at": committed_at})
        inner = run_dir / str(count)
        inner.mkdir()
        return await build(
            submission,
            recipe or recognise(submission.root),
            driver=driver,
            cache_dir=tmp_path / "cache",
            run_dir=inner,
            deadline=deadline,
        )

    return built


async def _submission(folder: Path, files: dict[str, str], inner: str | None) -> Submission:
    for name, text in files.items():
        (folder / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "in" / name).write_text(text)
    return await take_in(str(folder / "in"), folder / "copy", subdirectory=inner)
