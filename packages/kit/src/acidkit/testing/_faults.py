"""A TCP proxy in front of a server, which can refuse, reset, fall silent or be slow."""

import asyncio
import enum
from pathlib import Path
from types import TracebackType
from typing import Self

CHUNK = 65_536


class Fault(enum.Enum):
    """What the proxy does to its connections, old and new."""

    NONE = enum.auto()
    REFUSE = enum.auto()
    RESET = enum.auto()
    STALL = enum.auto()
    SLOW = enum.auto()


class FaultProxy:
    """Forwards to a unix socket; stalled bytes are held and released, never dropped."""

    def __init__(self, upstream: Path, *, delay: float = 2.0) -> None:
        self.port = 0
        self._upstream = upstream
        self._delay = delay
        self._fault = Fault.NONE
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self._listen()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._close_listener()
        self._abort()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=5)

    async def set(self, fault: Fault) -> None:
        """Begin `fault`; `Fault.NONE` ends it."""
        before, self._fault = self._fault, fault
        if fault is Fault.STALL:
            self._flowing.clear()
        else:
            self._flowing.set()
        if fault in {Fault.REFUSE, Fault.RESET}:
            self._abort()
        if fault is Fault.REFUSE:
            await self._close_listener()
        elif before is Fault.REFUSE:
            await self._listen()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close_listener(self) -> None:
        if self._server:
            self._server.close()
            self._server = None

    def _abort(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._fault is Fault.RESET:
            writer.transport.abort()
            return
        task = asyncio.current_task()
        if task:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        far_reader, far_writer = await asyncio.open_unix_connection(str(self._upstream))
        pair = {writer, far_writer}
        self._writers |= pair
        try:
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(self._pump(reader, far_writer))
                pumps.create_task(self._pump(far_reader, writer))
        finally:
            self._writers -= pair
            for end in pair:
                end.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(CHUNK):
                await self._flowing.wait()
                if self._fault is Fault.SLOW:
                    await asyncio.sleep(self._delay)
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()
