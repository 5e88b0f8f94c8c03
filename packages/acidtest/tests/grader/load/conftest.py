"""A server whose every answer a test decides, and loads on it from the real generator."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NamedTuple

import pytest

from acidtest.catalogue.problem import LoadSpec
from acidtest.core.clock import RunClock
from acidtest.grader.client import Endpoint
from acidtest.grader.load import Load, LoadPlan, LoadRequest, LoadResult, Surroundings, send_load

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n" + b'{"id": "7"}'


class Asked(NamedTuple):
    """One request as the server saw it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: int


class Served:
    """A server on a free port; `answer` makes the bytes of each answer, or None to end there."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.connections = 0
        self.open = 0
        self.port = 0
        self.answer: Callable[[Asked], bytes | Awaitable[bytes | None] | None] = lambda _a: OK

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self.connections += 1
        self.open += 1
        number = self.connections
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                asked = await _read(reader, number)
                self.asked.append(asked)
                answer = self.answer(asked)
                if isinstance(answer, Awaitable):
                    answer = await answer
                if answer is None:
                    break
                writer.write(answer)
                if b"Connection: close" in answer:
                    break
        self.open -= 1
        writer.close()

    async def until(self, holds: Callable[[], bool], *, within: float = 10.0) -> None:
        """Poll until `holds()`; a deadline that passes is an error."""
        async with asyncio.timeout(within):
            while True:
                if holds():
                    return
                await asyncio.sleep(0.01)


async def _read(reader: asyncio.StreamReader, number: int) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip("\r\n").split("\r\n")
    method, path, _ = first.split(" ")
    headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Asked(method, path, headers, body, number)


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    """A server that answers 200 until a test decides otherwise."""
    made = Served()
    server = await asyncio.start_server(made.handle, "127.0.0.1", 0, backlog=1024)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    server.close()


@pytest.fixture
def put(served: Served) -> Callable[..., Awaitable[LoadResult]]:
    """Put a small load on the server; a word alone is a path, other options are the profile's."""

    async def one(*requests: LoadRequest, plan: Any = None, **spec: Any) -> LoadResult:
        plan = plan or LoadPlan(requests=requests or (LoadRequest(name="one", path="/"),))
        given = {"rate": 100, "seconds": 0.5, "timeout": 2.0, **spec}
        load = Load("small", LoadSpec.model_validate(given), plan, "7")
        endpoint = Endpoint(name="replica-1", port=served.port)
        return await send_load(load, lambda: [endpoint], Surroundings(RunClock()))

    return one
