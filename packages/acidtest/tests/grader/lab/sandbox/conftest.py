"""Starting programs in sandboxes, and making sure that none outlives its test."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from acidtest.grader.lab.leftovers import RunDirectory
from acidtest.grader.lab.sandbox import Driver, Probe, Sandbox, SandboxSpec, drivers


class Program:
    """A sandbox with the lines its program wrote."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.sandbox: Sandbox

    async def said(self, text: str, *, seconds: float = 15.0) -> str:
        """Return the first line that holds `text`, waiting for it."""
        deadline = time.monotonic() + seconds
        while True:
            for line in self.lines:
                if text in line:
                    return line
            assert time.monotonic() < deadline, f"{text!r} not in {self.lines[-20:]}"
            await asyncio.sleep(0.005)

    async def ended(self, *, seconds: float = 20.0) -> int:
        """Return the exit status."""
        code = await self.sandbox.wait(seconds)
        assert code is not None, f"still running; {self.lines[-20:]}"
        return code


Start = Callable[..., Awaitable[Program]]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[RunDirectory]:
    """A run directory of this test."""
    with RunDirectory.create(tmp_path / "state") as made:
        yield made


@pytest.fixture
def tree(run: RunDirectory) -> Path:
    """A submission's tree that may be layered."""
    path = run.path / "tree"
    path.mkdir()
    path.chmod(0o777)
    return path


_probes: dict[str, Probe] = {}


@pytest.fixture
async def driver() -> Driver:
    """The bwrap driver; the test is skipped with the reason where it does not work."""
    found = next(driver for driver in drivers() if driver.name == "bwrap")
    if found.name not in _probes:
        _probes[found.name] = await found.probe()
    if not _probes[found.name].ok:
        pytest.skip(f"no sandbox here: {_probes[found.name].reason}")
    return found


@pytest.fixture
async def start(driver: Driver, run: RunDirectory, tree: Path) -> AsyncIterator[Start]:
    """Start programs in sandboxes that are closed after the test."""
    made: list[Sandbox] = []

    async def begin(command: str, *, release: bool = True, **spec: Any) -> Program:
        program = Program()
        wanted = SandboxSpec(
            **{"name": f"box-{len(made)}", "layered": tree, **spec},
            command=command,
            run_dir=run.path,
        )
        program.sandbox = await driver.prepare(
            wanted, on_line=lambda _, line: program.lines.append(line)
        )
        made.append(program.sandbox)
        if release:
            await program.sandbox.release()
        return program

    before = _own_descriptors()
    yield begin
    for sandbox in made:
        await sandbox.close()
    assert _own_descriptors() <= before, "a sandbox left file descriptors open"


def _own_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
