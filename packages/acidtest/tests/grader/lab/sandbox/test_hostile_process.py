"""A grader that is killed: nothing it started lives on, and the next one tidies up."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from acidtest.grader.lab.leftovers import sweep

pytestmark = pytest.mark.lab

GRADER = """
import asyncio, sys
from pathlib import Path
from acidtest.grader.lab.leftovers import RunDirectory
from acidtest.grader.lab.sandbox import SandboxSpec, choose_driver

async def main(state, driver_name, mark):
    driver = await choose_driver(driver_name, allow_unsafe=True)
    with RunDirectory.create(Path(state)) as run:
        tree = run.path / "tree"
        tree.mkdir()
        tree.chmod(0o777)
        command = f"setsid sh -c 'sleep 600; : {mark}' & echo ready; sleep 600; : {mark}"
        spec = SandboxSpec(name="one", command=command, run_dir=run.path, layered=tree)
        sandbox = await driver.prepare(spec, on_line=lambda _, line: print(line, flush=True))
        await sandbox.release()
        await sandbox.wait(600)

asyncio.run(main(*sys.argv[1:]))
"""


def _marked(mark: str) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark.encode() in (entry / "cmdline").read_bytes():
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
                found += [int(entry.name)] if state not in "ZX" else []
        except OSError:
            continue
    return found


def _groups() -> set[Path]:
    return {path for path in Path("/sys/fs/cgroup").glob("**/acidtest-one-*") if path.is_dir()}


def _gone(mark: str, seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while _marked(mark):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def _grader(tmp_path: Path, driver: str, mark: str) -> "subprocess.Popen[str]":
    grader = subprocess.Popen(
        [sys.executable, "-c", GRADER, str(tmp_path), driver, mark],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert grader.stdout is not None
    assert grader.stdout.readline().strip() == "ready"
    return grader


@pytest.fixture
def mark(request: pytest.FixtureRequest) -> Any:
    """A word that only this test's processes have among their arguments."""
    return f"mark-{os.getpid()}-{abs(hash(request.node.name)) % 10**8}"


@pytest.mark.usefixtures("driver")
def test_a_killed_grader_leaves_no_process_and_the_next_removes_the_rest(
    tmp_path: Path, mark: str
) -> None:
    """After kill -9 of the grader its sandbox is dead at once; a sweep takes files and groups."""
    before = _groups()
    with _grader(tmp_path, "bwrap", mark) as grader:
        assert len(_marked(mark)) >= 2
        grader.kill()
        grader.wait()

    assert _gone(mark)
    assert list((tmp_path / "runs").iterdir())
    assert sweep(tmp_path).runs == 1
    assert _groups() <= before
    assert list((tmp_path / "runs").iterdir()) == []


@pytest.mark.usefixtures("driver")
def test_an_interrupted_grader_leaves_nothing(tmp_path: Path, mark: str) -> None:
    """Ctrl-C ends the sandbox and removes the run's directory and groups."""
    before = _groups()
    with _grader(tmp_path, "bwrap", mark) as grader:
        grader.send_signal(signal.SIGINT)
        grader.wait(20)

    assert _gone(mark)
    assert list((tmp_path / "runs").iterdir()) == []
    assert _groups() <= before


def test_the_next_sweep_ends_what_an_unsafe_sandbox_left(tmp_path: Path, mark: str) -> None:
    """Without namespaces a killed grader may leave processes; the next one ends them all."""
    with _grader(tmp_path, "local-unsafe", mark) as grader:
        grader.kill()
        grader.wait()
    sweep(tmp_path)

    assert _gone(mark)
    assert list((tmp_path / "runs").iterdir()) == []
