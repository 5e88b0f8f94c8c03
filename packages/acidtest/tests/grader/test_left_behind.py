"""However a run ends, nothing of it stays on the machine."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from acidtest.core.events import CheckStarted, Event
from acidtest.core.judgement import Outcome
from acidtest.grader.lab.leftovers import sweep

pytestmark = pytest.mark.lab

STORED = "a_note_is_stored"
MEBIBYTE = 1024
"""In the kibibytes of /proc."""
START = "from acidtest.cli import main; main()"
UNDER_WAY = """
import __main__, time

def request(handler):
    if handler.command == "POST" and "TINY_GROUP" in __main__.os.environ:
        time.sleep(60)
"""
"""Holds its first check for ever, so that a run can be ended in its middle."""


class ListenerError(Exception):
    """What a broken listener raises."""


async def test_a_listener_that_breaks_ends_the_run_and_leaves_nothing(stage: Any) -> None:
    """Its exception comes out as it is, in the middle of a check, after everything is ended."""

    def listen(event: Event) -> None:
        if isinstance(event, CheckStarted):
            raise ListenerError

    with pytest.raises(ListenerError):
        await stage.grade(stage.submission(), listen=listen)
    assert stage.groups
    assert stage.left_behind() == []


async def test_a_cancelled_run_leaves_nothing(stage: Any) -> None:
    """Cancelling while it builds, as a time limit around it would."""
    toml = 'start = "x"\nstack = "custom"\nbuild = "sleep 600"\n'
    with pytest.raises(TimeoutError):
        await stage.grade(stage.submission(acidtest=toml), within=1.5)
    assert stage.left_behind() == []


@asynccontextmanager
async def command(stage: Any, source: Path, *options: str) -> AsyncIterator[Process]:
    """A real `acidtest grade` on the stage."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", START, "grade", str(source), "--problem", "tiny"),
        *options,
        env={
            **os.environ,
            "ACIDTEST_STATE": str(stage.state),
            "ACIDTEST_CATALOGUE": str(stage.catalogue),
            "TMPDIR": str(stage.temp),
        },
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def until(stage: Any, process: Process, name: str) -> None:
    """Wait until a run has a world and its service runs."""
    async with asyncio.timeout(60):
        while not list((stage.state / "runs").glob(f"*/{name}")):
            assert process.returncode is None, (await process.communicate())[1].decode()
            await asyncio.sleep(0.02)
        while not any("replica" in group.name for group in stage.groups):
            stage.look()
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_an_interrupted_command_leaves_nothing(stage: Any, number: signal.Signals) -> None:
    """Ctrl-C and SIGTERM in the middle of a check end everything before the command ends."""
    async with command(stage, stage.submission(UNDER_WAY)) as process:
        await until(stage, process, "world-app2")
        process.send_signal(number)
        async with asyncio.timeout(20):
            await process.communicate()

    assert process.returncode == 130
    assert stage.left_behind() == []


async def test_after_a_killed_command_nothing_lives_and_the_next_run_tidies_up(
    stage: Any,
) -> None:
    """What `kill -9` of the judge leaves are files and empty groups; the next run removes them."""
    async with command(stage, stage.submission(UNDER_WAY)) as process:
        await until(stage, process, "world-app2")
        process.kill()
        await process.communicate()
    (abandoned,) = (stage.state / "runs").iterdir()
    async with asyncio.timeout(10):
        while any(  # noqa: ASYNC110 - a process that is not ours sets no event
            line.startswith("process") for line in stage.left_behind()
        ):
            await asyncio.sleep(0.05)

    judgement = await stage.grade(stage.submission(name="next"), dry_run=True)
    assert judgement.outcome is Outcome.JUDGED
    assert not abandoned.exists()
    assert sweep(stage.state).runs == 0


FLOOD = """
import subprocess

def start(deeds):
    subprocess.Popen(["yes", "x" * 4000])
    subprocess.Popen(["cat", "/dev/zero"])

def request(handler):
    if handler.path != "/notes" or handler.command != "GET":
        return False
    handler.send_response(200)
    handler.send_header("Content-Length", str(2 * 1024**3))
    handler.end_headers()
    try:
        for _ in range(32768):
            handler.wfile.write(b" " * 65536)
    except OSError:
        pass
    handler.close_connection = True
    return True
"""


async def test_the_judge_stays_small_under_a_flood(stage: Any) -> None:
    """Endless logs and answers of two gigabytes leave the judge below 200 MB."""
    async with command(stage, stage.submission(FLOOD), "--quick") as process:
        reading = asyncio.create_task(process.communicate())
        most = 0
        async with asyncio.timeout(90):
            while not reading.done():
                most = max(most, _peak(process.pid))
                await asyncio.sleep(0.05)

    assert process.returncode in {0, 1}, (await reading)[1].decode()
    assert 20 * MEBIBYTE < most < 200 * MEBIBYTE


def _peak(pid: int) -> int:
    """The most memory a process has had so far, in kibibytes."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)
