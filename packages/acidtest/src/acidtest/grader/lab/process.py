"""Child processes whose output cannot hurt us and whose end has a deadline.

A room of its own because the builder, the sandbox and every tool that runs a stranger's program
need the same three promises: the output is read always and kept boundedly, waiting ends, and the
whole process group goes when the child does.
"""

import asyncio
import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, NamedTuple, Self

from acidtest.core.errors import InfrastructureError

OnLine = Callable[[str, str], None]
"""Called with `stdout` or `stderr` and one line of hostile text, without its newline."""

MAX_LINE_BYTES = 8_192
"""A longer line is cut here, and the cut is marked."""

DEFAULT_OUTPUT_BYTES = 4 * 1024 * 1024

_CHUNK_BYTES = 65_536
_FLOOD_BYTES_PER_SECOND = 2 * 1024 * 1024
_FLOOD_LINES_PER_SECOND = 10_000
# While a child floods, so many seconds pass between two reads: it is slowed, never stopped.
_FLOOD_PAUSE = 0.01
_DRAIN_SECONDS = 2.0
_KILL_SECONDS = 10.0


class LineSplitter:
    """Turns chunks of bytes into clipped lines of text, holding at most one line in memory."""

    def __init__(self, max_line: int = MAX_LINE_BYTES) -> None:
        self._max = max_line
        self._partial = bytearray()
        self._overlong = 0

    def feed(self, chunk: bytes) -> Iterator[str]:
        """Yield the lines that `chunk` completes; bytes that are no UTF-8 are replaced."""
        head, newline, rest = chunk.partition(b"\n")
        self._take(head)
        if not newline:
            return
        yield self._line()
        *lines, tail = rest.split(b"\n")
        for line in lines:
            self._take(line)
            yield self._line()
        self._take(tail)

    def skip(self, chunk: bytes) -> None:
        """Pass over `chunk`; only where its last line begins is remembered."""
        _, newline, tail = chunk.rpartition(b"\n")
        if newline:
            self._partial.clear()
            self._overlong = 0
        self._take(tail)

    def finish(self) -> Iterator[str]:
        """Yield the last line when it had no newline."""
        if self._partial:
            yield self._line()

    def _take(self, piece: bytes) -> None:
        room = self._max - len(self._partial)
        self._partial += piece[:room]
        self._overlong += max(len(piece) - room, 0)

    def _line(self) -> str:
        text = self._partial.decode("utf-8", "replace").removesuffix("\r")
        if self._overlong:
            text += f"… [{self._overlong} more bytes]"
        self._partial.clear()
        self._overlong = 0
        return text


class KeptOutput:
    """The end of an output: at most `limit` characters of lines, and the count of those dropped."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lines: deque[str] = deque()
        self._size = 0
        self.dropped = 0
        """Lines no longer kept."""

    def append(self, line: str) -> None:
        """Keep `line`, and let go of the oldest ones beyond the limit."""
        self._lines.append(line)
        self._size += len(line) + 1
        while self._size > self._limit and len(self._lines) > 1:
            self._size -= len(self._lines.popleft()) + 1
            self.dropped += 1

    def text(self) -> str:
        """Return what is kept."""
        head = [f"[{self.dropped} earlier lines not kept]"] if self.dropped else []
        return "\n".join([*head, *self._lines])


class _FloodGate:
    """Counts what one stream brings in a second; beyond a bound the rest of it is not looked at."""

    def __init__(self) -> None:
        self._until = 0.0
        self._bytes = self._lines = self.skipped = 0

    def admits(self, chunk: bytes) -> bool:
        now = time.monotonic()
        if now >= self._until:
            self._until, self._bytes, self._lines = now + 1.0, 0, 0
        self._bytes += len(chunk)
        self._lines += chunk.count(b"\n")
        if self._bytes <= _FLOOD_BYTES_PER_SECOND and self._lines <= _FLOOD_LINES_PER_SECOND:
            return True
        self.skipped += len(chunk)
        return False

    def report(self) -> str | None:
        skipped, self.skipped = self.skipped, 0
        return f"[{skipped} bytes of flooding output not read]" if skipped else None


class Completed(NamedTuple):
    """How a bounded run ended."""

    returncode: int
    """128 + n when signal n ended it, as a shell tells it."""
    output: str
    """The end of both streams, hostile text."""
    timed_out: bool
    seconds: float


class CommandOutcome(NamedTuple):
    """What came of a command of the submission."""

    exit_code: int | None
    """None when it did not end in time."""
    seconds: float
    log: str


class Child:
    """A running process in a group of its own, whose output is read until it ends.

    Not asyncio's own subprocess: its `wait` also waits for the output to end, which an orphan that
    inherited the pipe can put off for ever.
    """

    def __init__(
        self, process: subprocess.Popen[bytes], *, on_line: OnLine | None, output_bytes: int
    ) -> None:
        self._process = process
        self._on_line = on_line
        self.kept = KeptOutput(output_bytes)
        """The end of its output."""
        self._ended = asyncio.Event()
        self._pidfd = os.pidfd_open(process.pid)
        asyncio.get_running_loop().add_reader(self._pidfd, self._on_end)
        self._readers = [
            asyncio.create_task(self._read(pipe, name))
            for pipe, name in ((process.stdout, "stdout"), (process.stderr, "stderr"))
            if pipe is not None
        ]

    @classmethod
    async def start(
        cls,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path | None = None,
        on_line: OnLine | None = None,
        output_bytes: int = DEFAULT_OUTPUT_BYTES,
        pass_fds: Sequence[int] = (),
    ) -> Self:
        """Start `argv` with exactly the environment `env` and no standard input.

        Raises:
            InfrastructureError: the program cannot be started.
        """
        try:
            # In the loop's own thread: a child told to die with its parent dies with the thread
            # that started it.
            process = subprocess.Popen(  # noqa: ASYNC220 - see above; it returns once exec is done
                list(argv),
                env=dict(env),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,
                pass_fds=tuple(pass_fds),
            )
        except OSError as error:
            raise InfrastructureError(f"Cannot start {argv[0]}: {error}") from error
        return cls(process, on_line=on_line, output_bytes=output_bytes)

    @property
    def pid(self) -> int:
        """Its process id, which is also that of its group."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """How it ended (128 + n for signal n), or None while it runs."""
        code = self._process.returncode
        return code if code is None or code >= 0 else 128 - code

    def _on_end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._pidfd)
        os.close(self._pidfd)
        self._process.wait()
        self._ended.set()

    async def wait(self, timeout: float) -> int | None:
        """Return how it ended, or None when it still runs after `timeout` seconds."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), timeout)
        return self.returncode

    def signal_group(self, sig: signal.Signals) -> None:
        """Send `sig` to every process of its group."""
        # Even when the child itself ended: others may live on in its group, and as long as one
        # does the kernel gives the group's number to nobody else.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, sig)

    async def kill(self) -> None:
        """End its whole group at once, and stop reading."""
        self.signal_group(signal.SIGKILL)
        await self.wait(_KILL_SECONDS)
        await self.drain()

    def note(self, line: str) -> None:
        """Put a line of our own into its output."""
        self._emit("stderr", line)

    async def drain(self, timeout: float = _DRAIN_SECONDS) -> None:
        """Read what its output still holds, for at most `timeout` seconds, then stop reading.

        Output ends only when the last process holding it ends, which may outlive the child.
        """
        if self._readers:
            _, late = await asyncio.wait(self._readers, timeout=timeout)
            for reader in late:
                reader.cancel()
            await asyncio.wait(self._readers)

    async def _read(self, pipe: IO[bytes], name: str) -> None:
        stream = asyncio.StreamReader(limit=_CHUNK_BYTES)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(stream), pipe
        )
        try:
            await self._split(stream, name)
        finally:
            transport.close()

    async def _split(self, stream: asyncio.StreamReader, name: str) -> None:
        splitter, gate = LineSplitter(), _FloodGate()
        while chunk := await stream.read(_CHUNK_BYTES):
            if not gate.admits(chunk):
                splitter.skip(chunk)
                await asyncio.sleep(_FLOOD_PAUSE)
                continue
            if (report := gate.report()) is not None:
                self._emit(name, report)
            for line in splitter.feed(chunk):
                self._emit(name, line)
        if (report := gate.report()) is not None:
            self._emit(name, report)
        for line in splitter.finish():
            self._emit(name, line)

    def _emit(self, name: str, line: str) -> None:
        self.kept.append(line)
        if self._on_line is not None:
            self._on_line(name, line)


async def run_bounded(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    deadline: float,
    cwd: Path | None = None,
    on_line: OnLine | None = None,
    output_bytes: int = DEFAULT_OUTPUT_BYTES,
) -> Completed:
    """Run `argv` to its end, or end its whole group after `deadline` seconds."""
    began = time.monotonic()
    child = await Child.start(argv, env=env, cwd=cwd, on_line=on_line, output_bytes=output_bytes)
    try:
        code = await child.wait(deadline)
    finally:
        await child.kill()
    seconds = time.monotonic() - began
    return Completed(
        code if code is not None else 128 + signal.SIGKILL,
        child.kept.text(),
        timed_out=code is None,
        seconds=seconds,
    )
