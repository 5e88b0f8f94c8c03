"""The client itself: fresh connections, one deadline over everything, bounded, recorded."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Self

from acidtest.core.clock import RunClock
from acidtest.core.evidence import HttpExchange, clip
from acidtest.grader.client.answer import Answer
from acidtest.grader.client.curl import curl_line, raw_line
from acidtest.grader.client.message import MAX_BODY, Endpoint, Reply, Request
from acidtest.grader.client.transport import NEUTRAL, Transport
from acidtest.grader.client.wire import exchange_bytes

_MAX_HEADERS_KEPT = 40
_MAX_HEADER_TEXT = 500


class HttpClient:
    """Sends requests to the replicas of one service and records every exchange.

    It never raises for what a server does: whatever comes back, or does not, is a `Reply`.
    """

    def __init__(
        self,
        replicas: Sequence[Endpoint],
        *,
        record: Callable[[HttpExchange], None],
        clock: RunClock,
    ) -> None:
        if not replicas:
            raise ValueError("a client needs at least one replica")
        self.replicas = tuple(replicas)
        self._transports = [Transport(endpoint) for endpoint in replicas]
        self._turn = itertools.cycle(range(len(replicas)))
        self._record = record
        self._clock = clock

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection; the client can be used again afterwards."""
        for transport in self._transports:
            await transport.close()

    async def send(
        self,
        request: Request,
        *,
        replica: str | int | None = None,
        deadline: float = 10.0,
        keep_alive: bool = False,
        max_bytes: int = MAX_BODY,
    ) -> Reply:
        """Send `request` to one replica and return what came back within `deadline` seconds.

        Args:
            request: what to send; redirects are never followed.
            replica: name or number of the replica; None takes them in turn.
            deadline: seconds for everything, from connecting to the body's last byte.
            keep_alive: use a kept connection; a crash of the service poisons those.
            max_bytes: how much of the body is read.

        Raises:
            InfrastructureError: the judge's own machine refused the connection.
        """
        transport = self._choose(replica)
        began = self._clock.now()
        answer = await transport.exchange(
            request, deadline=deadline, keep_alive=keep_alive, max_bytes=max_bytes
        )
        return self._conclude(request, answer, transport.endpoint, began, curl_line(request))

    async def raw(
        self,
        data: bytes,
        *,
        replica: str | int | None = None,
        deadline: float = 10.0,
        max_bytes: int = MAX_BODY,
    ) -> Reply:
        """Send `data` as it is, however malformed, and return the first answer, body as sent.

        Raises:
            InfrastructureError: the judge's own machine refused the connection.
        """
        endpoint = self._choose(replica).endpoint
        began = self._clock.now()
        answer = await exchange_bytes(endpoint, data, deadline=deadline, max_bytes=max_bytes)
        request = Request("RAW", "", body=data)
        return self._conclude(request, answer, endpoint, began, raw_line(data))

    def _choose(self, replica: str | int | None) -> Transport:
        if replica is None:
            return self._transports[next(self._turn)]
        if isinstance(replica, int):
            return self._transports[replica]
        for transport in self._transports:
            if transport.endpoint.name == replica:
                return transport
        raise KeyError(replica)

    def _conclude(
        self, request: Request, answer: Answer, endpoint: Endpoint, began: float, curl: str
    ) -> Reply:
        seconds = self._clock.now() - began
        body = bytes(answer.body)
        sent = {} if request.method == "RAW" else {**NEUTRAL, **request.headers}
        exchange = HttpExchange(
            at=began,
            method=request.method,
            url=f"http://{endpoint.host}:{endpoint.port}{clip(request.target)}",
            request_headers=_shown(sent),
            request_body=None if request.body is None else _text(request.body),
            status=answer.status,
            response_headers=_shown(answer.headers),
            response_body=_text(body),
            error=None if answer.error is None else answer.error.sentence,
            seconds=seconds,
            replica=endpoint.name,
            curl=curl,
        )
        self._record(exchange)
        return Reply(
            request=request,
            exchange=exchange,
            status=answer.status if answer.error is None else None,
            error=answer.error,
            started=answer.status,
            headers=answer.headers,
            body=body,
            truncated=answer.truncated,
            seconds=seconds,
        )


def _text(body: bytes) -> str:
    text = clip(body[: 8 * 4_096].decode("utf-8", "replace"))
    return text if len(body) <= 8 * 4_096 else f"{text} [{len(body)} bytes in all]"


def _shown(headers: Mapping[str, str]) -> dict[str, str]:
    shown: dict[str, str] = {}
    for name, value in itertools.islice(headers.items(), _MAX_HEADERS_KEPT):
        kept = shown.get(name)
        shown[name] = clip(value if kept is None else f"{kept}, {value}", _MAX_HEADER_TEXT)
    return shown
