"""The outermost layer of every request: its identity, its log line, its metrics, its last resort.

Plain ASGI: it must see what frameworks answer by themselves, and cost next to nothing.
"""

import time
from http import HTTPStatus

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from acidkit.errors import InternalError, PayloadTooLarge, Problem, problem_response
from acidkit.lifecycle import Lifecycle
from acidkit.observe import HttpMetrics, Trace, trace_of_request, use_trace

LONGEST_PATH = 200
QUIET_ROUTES = frozenset({"/livez", "/readyz", "/health", "/metrics"})


class Edge:
    """Wraps an application so that every answer carries a trace id and none shows a failure raw."""

    def __init__(self, app: ASGIApp, *, metrics: HttpMetrics, lifecycle: Lifecycle) -> None:
        self._app = app
        self._metrics = metrics
        self._lifecycle = lifecycle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's scope."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        trace = trace_of_request(Headers(scope=scope).get("traceparent"))
        with use_trace(trace), self._metrics.in_flight.track_inprogress():
            answer = _Answer(scope, send, trace=trace, last=self._lifecycle)
            begun = time.perf_counter()
            try:
                await self._app(scope, receive, answer.send)
            except Exception:  # noqa: BLE001 - the last resort: whatever was not foreseen ends here, once
                structlog.get_logger().exception("request_crashed")
                if not answer.started:
                    await answer.give(InternalError(), receive)
            finally:
                self._report(scope, answer.status, time.perf_counter() - begun)

    def _report(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path_format", None)
        self._metrics.observe(method=scope["method"], route=route, status=status, seconds=seconds)
        if route in QUIET_ROUTES and status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return
        structlog.get_logger("access").info(
            "request",
            method=scope["method"],
            path=scope["path"][:LONGEST_PATH],
            route=route,
            status=status,
            ms=round(seconds * 1000, 2),
        )


class _Answer:
    """Passes one answer on, with our headers; replaces the framework's plain-text 413."""

    def __init__(self, scope: Scope, send: Send, *, trace: Trace, last: Lifecycle) -> None:
        self.started = False
        self.status = 0
        self._scope = scope
        self._send = send
        self._trace = trace
        self._lifecycle = last
        self._replaced = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            plain = Headers(raw=message["headers"]).get("content-type", "").startswith("text/plain")
            if plain and message["status"] == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
                self._replaced = True
                await self.give(PayloadTooLarge(), None)
                return
            self._begin(message)
        if not self._replaced:
            await self._send(message)

    async def give(self, problem: Problem, receive: Receive | None) -> None:
        async def pass_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._begin(message)
            await self._send(message)

        await problem_response(problem)(self._scope, receive or _nothing, pass_on)

    def _begin(self, message: Message) -> None:
        self.started = True
        self.status = message["status"]
        headers = MutableHeaders(raw=message["headers"])
        headers["x-trace-id"] = self._trace.trace_id
        headers["traceparent"] = self._trace.traceparent
        headers["x-content-type-options"] = "nosniff"
        headers.setdefault("cache-control", "no-store")
        if self._lifecycle.draining:
            # The client must not send its next request on a connection that is about to close.
            headers["connection"] = "close"


async def _nothing() -> Message:
    return {"type": "http.disconnect"}
