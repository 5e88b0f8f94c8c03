"""What goes out and what comes back: requests, replies and the closed list of what may go wrong."""

import json
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self
from urllib.parse import urlencode

from multidict import CIMultiDict, CIMultiDictProxy

from acidtest.core.evidence import HttpExchange

Query = Mapping[str, object] | Sequence[tuple[str, object]]
"""Query parameters; values are turned into text and percent-encoded."""

MAX_BODY = 4 * 1024 * 1024
"""Bytes of an answer that are kept, packed or unpacked; a list of books is a thousandth of it."""


class Trouble(StrEnum):
    """Why no whole answer came; a closed list."""

    REFUSED = "refused"
    RESET = "reset"
    TIMEOUT = "timeout"
    NOT_HTTP = "not_http"
    HEADERS_TOO_LARGE = "headers_too_large"
    TOO_LARGE = "too_large"
    CLOSED_EARLY = "closed_early"
    DECOMPRESSION = "decompression"

    @property
    def sentence(self) -> str:
        """The same in words for a person."""
        return _SENTENCES[self]


_SENTENCES = {
    Trouble.REFUSED: "the connection was refused",
    Trouble.RESET: "the connection was reset",
    Trouble.TIMEOUT: "no whole answer came in time",
    Trouble.NOT_HTTP: "what came back is not HTTP",
    Trouble.HEADERS_TOO_LARGE: "the headers of the answer are larger than a client accepts",
    Trouble.TOO_LARGE: "the answer is larger than a client accepts",
    Trouble.CLOSED_EARLY: "the connection was closed before the answer was whole",
    Trouble.DECOMPRESSION: "the body is not packed the way its Content-Encoding says",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where one replica of the service listens, and how to make a socket that reaches it."""

    name: str
    port: int
    host: str = "127.0.0.1"
    socket_factory: Callable[[], socket.socket] | None = None
    """Makes an unconnected TCP socket in the service's own network; None uses the host's."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it goes over the wire.

    Attributes:
        path: percent-encoded already, sent as it stands; may carry a query of its own.
        headers: added to the neutral ones; a value given here wins.
    """

    method: str
    path: str
    query: Query = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None

    @classmethod
    def json(
        cls,
        method: str,
        path: str,
        value: Any,
        *,
        query: Query = (),
        headers: Mapping[str, str] | None = None,
    ) -> Self:
        """A request whose body is `value` as JSON, with the content type that says so."""
        body = json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
        typed = {"Content-Type": "application/json", **(headers or {})}
        return cls(method, path, query, typed, body)

    @property
    def target(self) -> str:
        """Path and query as they stand in the request line."""
        pairs = self.query.items() if isinstance(self.query, Mapping) else self.query
        text = urlencode([(name, str(value)) for name, value in pairs])
        if not text:
            return self.path
        return f"{self.path}{'&' if '?' in self.path else '?'}{text}"


def _no_headers() -> CIMultiDictProxy[str]:
    return CIMultiDictProxy(CIMultiDict())


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back; exactly one of `status` and `error` is None.

    A half answer is no answer: when anything broke on the way, `status` is None even though a
    status line may have come, which `started` then holds.
    """

    request: Request
    exchange: HttpExchange
    """The same as a record; already handed to the recorder."""
    status: int | None = None
    error: Trouble | None = None
    started: int | None = None
    """The status line's code, also of an answer that broke off."""
    headers: CIMultiDictProxy[str] = field(default_factory=_no_headers)
    body: bytes = b""
    """At most the bytes asked for, unpacked; the beginning of a broken answer."""
    truncated: bool = False
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether a whole answer came and its status is 2xx."""
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004 - 2xx

    @property
    def media_type(self) -> str:
        """The content type without its parameters, in lower case; empty when there is none."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    @property
    def text(self) -> str:
        """The body as text; bytes that are no UTF-8 are replaced."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            ValueError: it is not JSON, or nested more deeply than any answer needs.
        """
        try:
            return json.loads(self.body)
        except RecursionError:
            raise ValueError("the JSON is nested too deeply") from None

    def __str__(self) -> str:
        if self.error is not None:
            return self.error.sentence
        return f"{self.status} {self.text[:200]}"
