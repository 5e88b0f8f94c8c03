"""Bytes as they are: what is sent need not be HTTP, and what comes back is read with few hopes."""

import asyncio
import socket

from multidict import CIMultiDict, CIMultiDictProxy

from acidtest.grader.client.answer import Answer, trouble_of
from acidtest.grader.client.message import Endpoint, Trouble

_MAX_HEAD = 64 * 1024
_CHUNK = 64 * 1024
_BODILESS = {204, 304}


async def exchange_bytes(
    endpoint: Endpoint, data: bytes, *, deadline: float, max_bytes: int
) -> Answer:
    """Send `data` on a fresh connection and return the first answer as far as it came."""
    answer = Answer()
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(deadline):
            reader, writer = await _connect(endpoint)
            # Not awaited: a server may answer and close before it has read everything.
            writer.write(data)
            await _receive(reader, answer, max_bytes)
    except OSError as error:  # TimeoutError is one of them
        answer.error = trouble_of(error)
    finally:
        if writer is not None:
            writer.transport.abort()
    return answer


async def accepts(endpoint: Endpoint, *, deadline: float) -> bool:
    """Whether something listens there: far cheaper than a request, for who asks again and again."""
    connection = (endpoint.socket_factory or _host_socket)()
    try:
        connection.setblocking(False)
        async with asyncio.timeout(deadline):
            where = (endpoint.host, endpoint.port)
            await asyncio.get_running_loop().sock_connect(connection, where)
    except OSError:  # TimeoutError is one of them
        return False
    finally:
        connection.close()
    return True


async def _connect(endpoint: Endpoint) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    make = endpoint.socket_factory or _host_socket
    connection = make()
    try:
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, (endpoint.host, endpoint.port))
        return await asyncio.open_connection(sock=connection, limit=_MAX_HEAD)
    except BaseException:
        connection.close()
        raise


def _host_socket() -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_STREAM)


async def _receive(reader: asyncio.StreamReader, answer: Answer, max_bytes: int) -> None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError:
        answer.error = Trouble.HEADERS_TOO_LARGE
        return
    except asyncio.IncompleteReadError as error:
        answer.take(error.partial, max_bytes)
        answer.error = Trouble.NOT_HTTP if error.partial else Trouble.CLOSED_EARLY
        return
    if not _read_head(head, answer):
        answer.take(head, max_bytes)
        answer.error = Trouble.NOT_HTTP
        return
    await _read_body(reader, answer, max_bytes)


def _read_head(head: bytes, answer: Answer) -> bool:
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    version, _, rest = first.partition(" ")
    code = rest[:3]
    if not version.startswith("HTTP/1.") or not (code.isascii() and code.isdigit()):
        return False
    headers: CIMultiDict[str] = CIMultiDict()
    for line in lines:
        name, _, value = line.partition(":")
        headers.add(name.strip(), value.strip())
    answer.status = int(code)
    answer.headers = CIMultiDictProxy(headers)
    return True


async def _read_body(reader: asyncio.StreamReader, answer: Answer, max_bytes: int) -> None:
    if answer.status in _BODILESS:
        return
    length = answer.headers.get("Content-Length", "")
    wanted = int(length) if length.isascii() and length.isdigit() else None
    chunked = "chunked" in answer.headers.get("Transfer-Encoding", "").lower()
    while wanted is None or len(answer.body) < wanted:
        chunk = await reader.read(_CHUNK)
        if not chunk:
            whole = wanted is None and not chunked
            answer.error = None if whole else Trouble.CLOSED_EARLY
            return
        if not answer.take(chunk, max_bytes):
            return
        # The body stays as it was sent: whoever sends raw bytes wants to see raw bytes.
        if chunked and answer.body.endswith(b"0\r\n\r\n"):
            return
