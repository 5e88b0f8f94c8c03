"""A trivial service that always does the same: `python -m acidtest.grader.load.trivial`.

Its speed depends on the machine alone, so it tells whether the machine was the same before and
after a load. It prints its port and ends with its standard input.
"""

import asyncio
import sys

from acidtest.grader.load.alarm import die_with_parent

_WORK = 20_000
"""Steps of a loop for each request: some tenths of a millisecond."""
_BODY = b'{"ok":true}'
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
    len(_BODY),
    _BODY,
)


class _Trivial(asyncio.Protocol):
    """Answers every head of a request without a body."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self._transport = transport

    def data_received(self, data: bytes) -> None:
        *heads, self._rest = (self._rest + data).split(b"\r\n\r\n")
        for _ in heads:
            sum(range(_WORK))
            if self._transport is not None:
                self._transport.write(_ANSWER)


async def main() -> None:
    """Serve on a free port until standard input ends."""
    die_with_parent()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Trivial, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.buffer.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
