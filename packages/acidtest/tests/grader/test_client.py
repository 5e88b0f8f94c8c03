"""The client meets servers that do everything wrong, and ordinary ones."""

import asyncio
import contextlib
import gzip
import socket
import time
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from acidtest.core.clock import RunClock
from acidtest.core.evidence import HttpExchange
from acidtest.grader.client import Endpoint, HttpClient, Request, Trouble, accepts

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Bench:
    """One server, one client that talks to it, and what was recorded."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.exchanges: list[HttpExchange] = []
        self.client = HttpClient([endpoint], record=self.exchanges.append, clock=RunClock())


@contextlib.asynccontextmanager
async def bench(handler: Handler) -> AsyncIterator[Bench]:
    """A server on a free port whose every connection is `handler`'s."""
    running: set[asyncio.Task[None]] = set()

    async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await handler(reader, writer)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        finally:
            running.discard(task)

    server = await asyncio.start_server(guarded, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    made = Bench(Endpoint(name="replica-1", port=port))
    try:
        yield made
    finally:
        await made.client.close()
        server.close()
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=5)


def saying(data: bytes, *, hold: bool = False) -> Handler:
    """A handler that reads the request's head, says `data`, then closes, or holds the line."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(data)
        await writer.drain()
        if hold:
            await reader.read()

    return handler


def repeating(head: bytes, piece: bytes, *, pause: float = 0.0) -> Handler:
    """A handler that says `head` and then `piece` for ever."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head)
        while not writer.is_closing():
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)

    return handler


OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
TWO_LENGTHS = OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"
BIG = OK + b"Content-Length: 2147483648\r\n\r\n"
BOMB = gzip.compress(b"0" * 50_000_000, mtime=0)
ENDINGS: list[tuple[str, bytes, Trouble]] = [
    ("nothing at all", b"", Trouble.CLOSED_EARLY),
    ("no HTTP", b"220 mail.example ESMTP\r\n", Trouble.NOT_HTTP),
    ("binary garbage", bytes(range(256)) * 20, Trouble.NOT_HTTP),
    ("a status that is no number", b"HTTP/1.1 OK fine\r\n\r\n", Trouble.NOT_HTTP),
    ("a status line cut short", b"HTTP/1.1 20", Trouble.CLOSED_EARLY),
    ("a body shorter than said", OK + b"Content-Length: 9\r\n\r\nshort", Trouble.CLOSED_EARLY),
    ("a length that is no number", OK + b"Content-Length: x\r\n\r\n", Trouble.NOT_HTTP),
    ("two different lengths", TWO_LENGTHS, Trouble.NOT_HTTP),
    ("a bad chunk size", OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n", Trouble.NOT_HTTP),
    ("a chunk cut short", OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab", Trouble.CLOSED_EARLY),
    ("one huge header", OK + b"X: " + b"a" * 100_000 + b"\r\n\r\n", Trouble.HEADERS_TOO_LARGE),
    ("thousands of headers", OK + b"X: a\r\n" * 5_000 + b"\r\n", Trouble.HEADERS_TOO_LARGE),
    ("a false gzip", OK + b"Content-Encoding: gzip\r\n\r\nplain", Trouble.DECOMPRESSION),
    ("a cut gzip", OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"a" * 99)[:-9],
     Trouble.DECOMPRESSION),
    ("an unknown packing", OK + b"Content-Encoding: br\r\n\r\nplain", Trouble.DECOMPRESSION),
    ("packed twice", OK + b"Content-Encoding: gzip, gzip\r\n\r\nplain", Trouble.DECOMPRESSION),
    ("a gzip bomb", OK + b"Content-Encoding: gzip\r\n\r\n" + BOMB, Trouble.TOO_LARGE),
]  # fmt: skip


@pytest.mark.parametrize(("said", "trouble"), [e[1:] for e in ENDINGS], ids=[e[0] for e in ENDINGS])
async def test_a_broken_answer_is_named(said: bytes, trouble: Trouble) -> None:
    """Whatever a server says wrongly ends in a reply that names the trouble and has no status."""
    async with bench(saying(said)) as it:
        reply = await it.client.send(Request("GET", "/books"), deadline=5)

        assert (reply.error, reply.status) == (trouble, None)
        assert it.exchanges[0].error == trouble.sentence


ENDLESS: list[tuple[str, bytes, bytes, float, Trouble]] = [
    ("a body without end", OK + b"\r\n", b"x" * 65_536, 0, Trouble.TOO_LARGE),
    ("two gigabytes", BIG, b"x" * 65_536, 0, Trouble.TOO_LARGE),
    ("chunks without end", CHUNKED, b"2000\r\n" + b"x" * 8192 + b"\r\n", 0, Trouble.TOO_LARGE),
    ("headers without end", OK, b"X-A: b\r\n", 0, Trouble.HEADERS_TOO_LARGE),
    ("a header without end", OK + b"X: ", b"a" * 4096, 0, Trouble.HEADERS_TOO_LARGE),
    ("interim answers without end", b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.001, Trouble.TIMEOUT),
    ("a byte now and then", OK + b"Content-Length: 9999\r\n\r\n", b"x", 0.05, Trouble.TIMEOUT),
    ("a header byte now and then", OK + b"X: ", b"x", 0.05, Trouble.TIMEOUT),
    ("a chunk extension without end", CHUNKED + b"1;", b"a" * 4096, 0, Trouble.TIMEOUT),
]  # fmt: skip


@pytest.mark.parametrize(
    ("head", "piece", "pause", "trouble"), [e[1:] for e in ENDLESS], ids=[e[0] for e in ENDLESS]
)
async def test_an_endless_answer_is_cut(
    head: bytes, piece: bytes, pause: float, trouble: Trouble
) -> None:
    """An answer that never ends is cut by the deadline or the size, without eating memory."""
    async with bench(repeating(head, piece, pause=pause)) as it:
        tracemalloc.start()
        reply = await it.client.send(Request("GET", "/"), deadline=0.8)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()

        assert reply.error is trouble
        assert peak < 40_000_000


async def test_silence_ends_at_the_deadline() -> None:
    """A server that accepts and never answers costs the deadline and no more."""
    async with bench(saying(b"", hold=True)) as it:
        began = time.monotonic()
        reply = await it.client.send(Request("GET", "/"), deadline=0.2)

        assert reply.error is Trouble.TIMEOUT
        assert time.monotonic() - began < 3


async def test_nobody_listening_is_refused() -> None:
    """A port where nobody listens is `refused`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        client = HttpClient(
            [Endpoint(name="a", port=free.getsockname()[1])],
            record=lambda _: None,
            clock=RunClock(),
        )
        async with client:
            reply = await client.send(Request("GET", "/"))
            raw = await client.raw(b"x")

    assert [reply.error, raw.error] == [Trouble.REFUSED, Trouble.REFUSED]


async def test_a_knock_tells_whether_somebody_listens() -> None:
    """A bound port accepts nothing, a listening one does, even before anybody answers there."""
    with socket.socket() as port:
        port.bind(("127.0.0.1", 0))
        endpoint = Endpoint(name="a", port=port.getsockname()[1])
        before = await accepts(endpoint, deadline=5)
        port.listen(1)
        after = await accepts(endpoint, deadline=5)

    assert [before, after] == [False, True]


async def test_a_reset_is_named() -> None:
    """A connection that is reset mid-body is `reset` or `closed_early`, never a success."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK + b"Content-Length: 100\r\n\r\nhalf")
        await writer.drain()
        connection = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        writer.transport.abort()

    async with bench(handler) as it:
        reply = await it.client.send(Request("GET", "/"))

        assert reply.status is None
        assert reply.error in {Trouble.RESET, Trouble.CLOSED_EARLY}


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    head=st.sampled_from([b"", b"HTTP/1.1 ", OK, OK + b"\r\n", CHUNKED]),
    tail=st.binary(max_size=80)
    | st.text("0123456789abc:;\r\n \t=,/H", max_size=60).map(str.encode),
)  # fmt: skip
def test_no_answer_raises(head: bytes, tail: bytes) -> None:
    """No sequence of bytes that a server sends makes the client raise."""

    async def ask() -> None:
        async with bench(saying(head + tail)) as it:
            for keep_alive in (False, True):
                reply = await it.client.send(Request("GET", "/"), deadline=2, keep_alive=keep_alive)
                assert (reply.status is None) != (reply.error is None)
            raw = await it.client.raw(b"GET / HTTP/1.1\r\n\r\n", deadline=2)
            assert (raw.status is None) != (raw.error is None)

    asyncio.run(ask())


async def test_a_refusal_before_the_body_was_read_is_seen() -> None:
    """A server that answers 413 and closes without reading a large body is heard."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
        await writer.drain()
        writer.write_eof()
        await reader.read(200_000)

    async with bench(handler) as it:
        reply = await it.client.send(Request("POST", "/", body=b"x" * 8_000_000), deadline=5)

        assert reply.status == 413 or reply.error is Trouble.RESET


async def test_what_goes_out_is_exact_and_neutral() -> None:
    """Path, query, headers and body reach the server as given; nothing names the judge."""
    seen = bytearray()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.extend(await reader.readuntil(b"\r\n\r\n"))
        seen.extend(await reader.readexactly(3))
        writer.write(OK + b"Content-Length: 0\r\n\r\n")

    async with bench(handler) as it:
        request = Request(
            "POST", "/a/../%2e%2F%00/ä".replace("ä", "%C3%A4"), {"q": "a b&c", "n": 1},
            {"X-Y": "z"}, b"{\x00}",
        )  # fmt: skip
        assert (await it.client.send(request)).status == 200

    text = bytes(seen).decode("latin-1").lower()
    assert text.startswith("post /a/../%2e%2f%00/%c3%a4?q=a+b%26c&n=1 http/1.1\r\n")
    assert "x-y: z\r\n" in text
    assert "connection: close" in text
    assert "content-type" not in text
    assert text.endswith("\r\n\r\n{\x00}")
    assert not {"acid", "grade", "test", "aiohttp", "traceparent"} & set(text.split())
    assert "acid" not in text
    assert "aiohttp" not in text


async def test_redirects_are_not_followed() -> None:
    """A redirect is an answer like any other."""
    async with bench(saying(b"HTTP/1.1 307 Go\r\nLocation: /\r\nContent-Length: 0\r\n\r\n")) as it:
        reply = await it.client.send(Request("GET", "/"))

        assert (reply.status, reply.headers["location"]) == (307, "/")
        assert len(it.exchanges) == 1


@pytest.mark.parametrize("coding", ["gzip", "deflate", "raw deflate"])
async def test_packed_bodies_are_unpacked(coding: str) -> None:
    """A body packed as its header says arrives unpacked, raw deflate included."""
    body = b'{"title": "' + b"a" * 5_000 + b'"}'
    raw = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    packed = {
        "gzip": gzip.compress(body),
        "deflate": zlib.compress(body),
        "raw deflate": raw.compress(body) + raw.flush(),
    }[coding]
    head = OK + f"Content-Encoding: {coding.rsplit(maxsplit=1)[-1]}\r\n\r\n".encode()
    async with bench(saying(head + packed)) as it:
        assert (await it.client.send(Request("GET", "/"))).body == body


async def test_replicas_take_turns() -> None:
    """Without a name the replicas are asked in turn; a name or a number picks one."""
    async with bench(saying(OK + b"\r\na")) as one, bench(saying(OK + b"\r\nb")) as two:
        ends = [one.endpoint, Endpoint(name="replica-2", port=two.endpoint.port)]
        async with HttpClient(ends, record=lambda _: None, clock=RunClock()) as client:
            request = Request("GET", "/")
            turns = [(await client.send(request)).text for _ in range(4)]
            named = (await client.send(request, replica="replica-2")).text
            numbered = (await client.send(request, replica=0)).text

    assert turns == ["a", "b", "a", "b"]
    assert (named, numbered) == ("b", "a")


async def test_kept_connections_are_reused_only_when_asked() -> None:
    """Every request gets a fresh connection unless a kept one is asked for."""
    connections = 0

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            writer.write(OK + b"Content-Length: 0\r\n\r\n")
            if b"connection: close" in head.lower():
                return

    async with bench(handler) as it:
        for _ in range(3):
            await it.client.send(Request("GET", "/"))
        fresh = connections
        for _ in range(3):
            await it.client.send(Request("GET", "/"), keep_alive=True)

        assert (fresh, connections) == (3, 4)


async def test_sockets_come_from_the_factory() -> None:
    """The endpoint's factory makes every socket, so that it can live in another network."""
    made: list[socket.socket] = []

    def factory() -> socket.socket:
        made.append(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
        return made[-1]

    async with bench(saying(OK + b"Content-Length: 0\r\n\r\n")) as it:
        end = Endpoint(name="a", port=it.endpoint.port, socket_factory=factory)
        async with HttpClient([end], record=lambda _: None, clock=RunClock()) as client:
            assert (await client.send(Request("GET", "/"))).ok
            assert (await client.raw(b"GET / HTTP/1.0\r\n\r\n")).ok

    assert len(made) == 2


async def test_raw_bytes_get_their_answer() -> None:
    """Bytes that are no HTTP are sent as they are and the answer to them is read."""
    seen: list[bytes] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readexactly(9))
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 3\r\n\r\nbad")
        await reader.read()

    async with bench(handler) as it:
        reply = await it.client.raw(b"\x00garbage\n")

        assert (reply.status, reply.body, seen) == (400, b"bad", [b"\x00garbage\n"])
        assert "printf" in it.exchanges[0].curl


async def test_a_record_is_faithful_and_bounded() -> None:
    """Each exchange is recorded with its time and replica, and long bodies are clipped."""
    answer = OK + b"Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\n" + b"y" * 100_000
    async with bench(saying(answer)) as it:
        request = Request.json("POST", "/books", {"title": "x" * 100_000})
        reply = await it.client.send(request)

        seen = it.exchanges[0]
        assert reply.exchange is seen
        assert (seen.method, seen.status, seen.replica) == ("POST", 200, "replica-1")
        assert seen.response_headers["Set-Cookie"] == "a=1, b=2"
        assert len(seen.request_body or "") < 5_000
        assert len(seen.response_body) < 5_000
        assert len(seen.curl) < 30_000
