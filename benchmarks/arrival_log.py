"""A server that writes down when requests arrive and when it answers, and can freeze: the truth.

Run as a program it serves; imported it is the handle on such a process. What a load generator says
is compared with what is written here, on the same clock.
"""

import asyncio
import json
import sys
import time
from array import array
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple, cast

_BODY = b"ok"
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%b" % (
    len(_BODY),
    _BODY,
)
_MAX_LINE = 64 * 1024 * 1024
_PATIENCE = 20.0


class Log(NamedTuple):
    """What the server saw, in seconds of the machine's monotonic clock."""

    arrived: Sequence[float]
    answered: Sequence[tuple[int, float]]
    """Number of the request, as `/?n=7` carries it, and when its answer was written."""


class ArrivalServer:
    """The handle on a running server."""

    def __init__(self, process: Process, port: int) -> None:
        self.port = port
        self._process = process

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/"

    async def begin(self, *, freeze_after: float | None = None, freeze_for: float = 1.0) -> None:
        """Forget what was seen; freeze `freeze_after` seconds after the next request."""
        await self._say({"begin": True, "after": freeze_after, "seconds": freeze_for})

    async def log(self) -> Log:
        """What was seen since."""
        said = await self._say({"begin": False})
        return Log(said["arrived"], [(int(n), at) for n, at in said["answered"]])

    async def _say(self, order: dict[str, object]) -> dict[str, Any]:
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the server has no pipes")
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        async with asyncio.timeout(_PATIENCE):
            line = await self._process.stdout.readline()
        said: dict[str, Any] = json.loads(line)
        return said


@asynccontextmanager
async def arrival_server() -> AsyncIterator[ArrivalServer]:
    """Start a server for the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(Path(__file__)), stdin=PIPE, stdout=PIPE, limit=_MAX_LINE
    )
    try:
        if process.stdout is None:
            raise RuntimeError("the server has no pipes")
        async with asyncio.timeout(_PATIENCE):
            port = int(await process.stdout.readline())
        yield ArrivalServer(process, port)
    finally:
        process.kill()
        await process.wait()


class _Book:
    """The server's own side of the log."""

    def __init__(self) -> None:
        self.arrived = array("d")
        self.answered: list[tuple[int, float]] = []
        self._freeze: tuple[float, float] | None = None

    def obey(self, order: dict[str, object]) -> dict[str, object]:
        if not order["begin"]:
            return {"arrived": self.arrived.tolist(), "answered": self.answered}
        self.arrived, self.answered = array("d"), []
        after, seconds = order["after"], order["seconds"]
        if isinstance(after, float) and isinstance(seconds, float):
            self._freeze = (after, seconds)
        return {}

    def note(self) -> None:
        self.arrived.append(time.monotonic())
        if self._freeze is not None:
            after, seconds = self._freeze
            self._freeze = None
            asyncio.get_running_loop().call_later(after, time.sleep, seconds)


class _Conversation(asyncio.Protocol):
    def __init__(self, book: _Book) -> None:
        self._book = book
        self._rest = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses of asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        *heads, self._rest = (self._rest + data).split(b"\r\n\r\n")
        for head in heads:
            self._book.note()
            if self._transport is not None:
                self._transport.write(_ANSWER)
            number = head.partition(b"?n=")[2].partition(b" ")[0]
            if number.isdigit():
                self._book.answered.append((int(number), time.monotonic()))


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    book = _Book()
    server = await loop.create_server(lambda: _Conversation(book), "127.0.0.1", 0, backlog=4096)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()

    def listen() -> None:
        line = sys.stdin.buffer.readline()
        if not line:
            loop.stop()
            return
        sys.stdout.write(json.dumps(book.obey(json.loads(line))) + "\n")
        sys.stdout.flush()

    loop.add_reader(sys.stdin.fileno(), listen)
    await asyncio.Event().wait()


if __name__ == "__main__":
    try:
        import uvloop
    except ModuleNotFoundError:
        asyncio.run(_serve())
    else:
        uvloop.run(_serve())
