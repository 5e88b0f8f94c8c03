"""Child processes: bounded output, deadlines, whole groups."""

import asyncio
import os
import pathlib
import signal
import sys
import time
from collections.abc import Callable

import pytest

from acidtest.core.errors import InfrastructureError
from acidtest.grader.lab.process import Child, KeptOutput, LineSplitter, run_bounded

ENV = {"PATH": "/usr/bin:/bin"}


def _alive(pid: int) -> bool:
    try:
        with pathlib.Path(f"/proc/{pid}/stat").open() as stat:
            return stat.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


async def _until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


def test_lines_do_not_depend_on_how_the_bytes_were_cut() -> None:
    """However a stream is cut into chunks, the lines that come out are the same."""
    data = "eins\nzwei\r\n\ndrei öäü\nvier".encode()
    expected = ["eins", "zwei", "", "drei öäü", "vier"]

    for size in range(1, len(data) + 1):
        splitter = LineSplitter()
        lines = [
            line
            for start in range(0, len(data), size)
            for line in splitter.feed(data[start : start + size])
        ]

        assert [*lines, *splitter.finish()] == expected


def test_a_line_too_long_is_cut_and_says_so() -> None:
    """An overlong line keeps its beginning and tells how much is missing; the next is whole."""
    splitter = LineSplitter(max_line=10)

    assert list(splitter.feed(b"x" * 25 + b"\nnext\n")) == ["xxxxxxxxxx… [15 more bytes]", "next"]


def test_an_endless_line_takes_no_more_memory_than_one_line() -> None:
    """A line that never ends is not collected."""
    splitter = LineSplitter(max_line=100)

    for _ in range(1000):
        assert list(splitter.feed(b"x" * 10_000)) == []

    assert len(splitter._partial) == 100


def test_bytes_that_are_no_text_are_replaced() -> None:
    """Output that is not UTF-8 still becomes a line."""
    assert list(LineSplitter().feed(b"a\xff\xfeb\n")) == ["a\ufffd\ufffdb"]


def test_kept_output_lets_the_oldest_lines_go_and_counts_them() -> None:
    """Only the end of a long log is kept, and the text says how much came before."""
    kept = KeptOutput(limit=30)
    for number in range(100):
        kept.append(f"line {number:03}")

    assert kept.text() == "[97 earlier lines not kept]\nline 097\nline 098\nline 099"


async def test_both_streams_arrive_by_line_with_their_names() -> None:
    """Each line is reported with the stream it came from."""
    seen: list[tuple[str, str]] = []
    done = await run_bounded(
        ["sh", "-c", "echo out; echo err >&2; printf unfinished"],
        env=ENV,
        deadline=10,
        on_line=lambda stream, line: seen.append((stream, line)),
    )

    assert done.returncode == 0
    assert sorted(seen) == [("stderr", "err"), ("stdout", "out"), ("stdout", "unfinished")]


async def test_a_flood_of_output_neither_blocks_the_child_nor_fills_us() -> None:
    """A child that writes 10 MB is read to its end, of which little is kept."""
    count = 0

    def on_line(_stream: str, _line: str) -> None:
        nonlocal count
        count += 1

    script = "head -c 10000000 /dev/zero | tr '\\0' 'y' | fold -w 50; echo the end"
    child = await Child.start(["sh", "-c", script], env=ENV, on_line=on_line, output_bytes=100_000)
    try:
        assert await child.wait(60) == 0
        await child.drain()
    finally:
        await child.kill()

    assert len(child.kept.text()) < 110_000
    assert "flooding output not read" in child.kept.text()
    assert count < 150_000


async def test_a_deadline_ends_the_whole_group() -> None:
    """A run past its deadline is ended with all it started, and says that it was late."""
    pids: list[int] = []
    done = await run_bounded(
        ["sh", "-c", "sleep 600 & echo $!; wait"],
        env=ENV,
        deadline=0.5,
        on_line=lambda _, line: pids.append(int(line)),
    )

    assert done.timed_out
    assert done.returncode == 128 + signal.SIGKILL
    await _until(lambda: not _alive(pids[0]))


async def test_an_end_by_signal_is_told_as_a_shell_does() -> None:
    """A child ended by signal n has the status 128 + n."""
    done = await run_bounded(["sh", "-c", "kill -TERM $$"], env=ENV, deadline=10)

    assert done.returncode == 128 + signal.SIGTERM


async def test_an_orphan_holding_the_output_does_not_hold_us() -> None:
    """When the child ends but a process it left behind keeps the pipe, we go on."""
    began = time.monotonic()
    done = await run_bounded(["sh", "-c", "sleep 600 & exit 3"], env=ENV, deadline=30)

    assert done.returncode == 3
    assert time.monotonic() - began < 20


async def test_the_environment_is_exactly_what_was_given() -> None:
    """Nothing of our own environment reaches a child."""
    os.environ["ACIDTEST_SECRET_OF_OURS"] = "1"
    try:
        done = await run_bounded(
            [sys.executable, "-I", "-c", "import os; print(sorted(os.environ))"],
            env={"A": "1"},
            deadline=20,
        )
    finally:
        del os.environ["ACIDTEST_SECRET_OF_OURS"]

    assert "SECRET" not in done.output
    assert "'A'" in done.output


async def test_a_program_that_is_not_there_is_an_infrastructure_error() -> None:
    """A missing program is named in the error."""
    with pytest.raises(InfrastructureError, match="no-such-program"):
        await run_bounded(["no-such-program"], env=ENV, deadline=5)
