"""An answer while it comes in, and the names of what may go wrong on the way."""

import errno
import zlib
from dataclasses import dataclass, field

import aiohttp
from aiohttp import http_exceptions
from multidict import CIMultiDict, CIMultiDictProxy

from acidtest.core.errors import InfrastructureError
from acidtest.grader.client.message import Trouble

_REFUSING = {errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH}
_RESETTING = {errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED, errno.ESHUTDOWN}
_WINDOW = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


@dataclass(slots=True)
class Answer:
    """What has come so far; a deadline may strike at any point and leaves it as it is."""

    status: int | None = None
    headers: CIMultiDictProxy[str] = field(default_factory=lambda: CIMultiDictProxy(CIMultiDict()))
    body: bytearray = field(default_factory=bytearray)
    error: Trouble | None = None
    truncated: bool = False

    def take(self, chunk: bytes, limit: int) -> bool:
        """Add `chunk` up to `limit` bytes in all; False when there was more than that."""
        room = limit - len(self.body)
        self.body += chunk[:room]
        if len(chunk) > room:
            self.truncated = True
            self.error = Trouble.TOO_LARGE
        return not self.truncated

    def unpack(self, limit: int) -> None:
        """Undo the Content-Encoding, never yielding more than `limit` bytes."""
        codings = [c.strip().lower() for c in self.headers.get("Content-Encoding", "").split(",")]
        applied = [c for c in codings if c not in {"", "identity"}]
        if not applied or not self.body:
            return
        if len(applied) > 1 or applied[0] not in _WINDOW:
            self.error = Trouble.DECOMPRESSION
            return
        self._inflate(_WINDOW[applied[0]], limit)

    def _inflate(self, window: int, limit: int) -> None:
        packed = bytes(self.body)
        if window == zlib.MAX_WBITS and packed[0] & 0x0F != zlib.DEFLATED:
            window = -zlib.MAX_WBITS  # many servers send raw deflate under this name
        inflater = zlib.decompressobj(window)
        try:
            self.body = bytearray(inflater.decompress(packed, limit))
        except zlib.error:
            self.error = Trouble.DECOMPRESSION
            return
        if not inflater.eof:
            self.truncated = bool(inflater.unconsumed_tail)
            self.error = Trouble.TOO_LARGE if self.truncated else Trouble.DECOMPRESSION


def trouble_of(error: Exception) -> Trouble:
    """Name what a server did to a connection.

    Raises:
        InfrastructureError: it was the judge's machine that refused, not the server.
    """
    if isinstance(error, TimeoutError):
        return Trouble.TIMEOUT
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return Trouble.CLOSED_EARLY
    if isinstance(error, aiohttp.ClientPayloadError):
        return _trouble_of_body(error)
    if isinstance(error, OSError):
        return _trouble_of_socket(error)
    return _trouble_of_syntax(error)


def _trouble_of_body(error: aiohttp.ClientPayloadError) -> Trouble:
    cause = error.__cause__
    if isinstance(cause, ConnectionResetError):
        return Trouble.RESET
    broken = (http_exceptions.TransferEncodingError, http_exceptions.BadHttpMessage)
    said = f"{error} {cause}"
    if isinstance(cause, broken) and "Not enough data" not in said:
        return Trouble.NOT_HTTP
    return Trouble.CLOSED_EARLY


def _trouble_of_socket(error: OSError) -> Trouble:
    if error.errno in _REFUSING:
        return Trouble.REFUSED
    if error.errno in _RESETTING or isinstance(error, ConnectionError):
        return Trouble.RESET
    if error.errno == errno.ETIMEDOUT:
        return Trouble.TIMEOUT
    if error.errno is None:
        return Trouble.RESET
    raise InfrastructureError(f"The judge could not connect: {error}") from error


def _trouble_of_syntax(error: Exception) -> Trouble:
    cause: BaseException | None = error
    while cause is not None:
        too_long = isinstance(cause, http_exceptions.LineTooLong)
        if too_long or "too many headers" in str(cause).lower():
            return Trouble.HEADERS_TOO_LARGE
        cause = cause.__cause__
    return Trouble.NOT_HTTP
