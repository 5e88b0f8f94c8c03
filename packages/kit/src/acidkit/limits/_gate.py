"""How many requests are worked on at once, how many may wait for that, and for how long.

It is a room of its own because it knows no client: it keeps what was accepted fast when more is
asked for than can be done.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from http import HTTPStatus

from fastapi import FastAPI
from prometheus_client import CollectorRegistry, Counter, Gauge
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from acidkit.edge import QUIET_ROUTES
from acidkit.errors import Busy, problem_response

RESERVE = 4  # places that only health checks and metrics can take


class GateSettings(BaseModel):
    """How much one process takes on; the wait is in seconds."""

    model_config = ConfigDict(frozen=True)

    in_flight: int = Field(default=64, ge=1, description="Requests worked on at once.")
    waiting: int = Field(default=128, ge=0, description="Requests that may wait for that.")
    wait: float = Field(default=0.1, gt=0, description="Longest wait of one of them.")
    body: float = Field(default=10.0, gt=0, description="Longest a body may take to arrive.")


class GateMetrics:
    """Requests sent away, and how many are inside and in front."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.shed = Counter(
            "http_requests_shed",
            "Requests answered 503 at the door: full (nobody more may wait) or late.",
            labelnames=("reason",),
            registry=registry,
        )
        self.inside = Gauge("http_gate_inside", "Requests inside the gate.", registry=registry)
        self.waiting = Gauge("http_gate_waiting", "Requests in front of it.", registry=registry)


class Gate:
    """Lets a bounded number in, in the order they came; a bounded number waits a bounded time."""

    def __init__(self, settings: GateSettings, *, metrics: GateMetrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._places = asyncio.Semaphore(settings.in_flight)
        self._waiting = 0

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Hold a place while the block runs.

        Raises:
            Busy: too many wait already, or none became free in time.
        """
        if self._places.locked():
            await self._wait()
        else:
            await self._places.acquire()
        self._metrics.inside.inc()
        try:
            yield
        finally:
            self._metrics.inside.dec()
            self._places.release()

    async def _wait(self) -> None:
        if self._waiting >= self._settings.waiting:
            raise self._shed("full")
        self._waiting += 1
        try:
            with self._metrics.waiting.track_inprogress():
                async with asyncio.timeout(self._settings.wait):
                    await self._places.acquire()
        except TimeoutError as error:
            raise self._shed("late") from error
        finally:
            self._waiting -= 1

    def _shed(self, reason: str) -> Busy:
        self._metrics.shed.labels(reason).inc()
        return Busy("This service has as much to do as it can; please try again.")


def install_gate(
    app: FastAPI,
    settings: GateSettings,
    *,
    registry: CollectorRegistry,
    unbounded: Collection[str] = (),
) -> None:
    """Bound what `app` works on; health checks and metrics have places of their own.

    Args:
        app: An application that does not run yet.
        settings: The bounds.
        registry: Where metrics are kept.
        unbounded: Paths that take no place, for answers that are meant to last, such as streams.
    """
    app.user_middleware.append(
        Middleware(
            _Door,
            settings=settings,
            metrics=GateMetrics(registry),
            unbounded=frozenset(unbounded),
        )
    )


class _Door:
    def __init__(
        self,
        app: ASGIApp,
        *,
        settings: GateSettings,
        metrics: GateMetrics,
        unbounded: frozenset[str],
    ) -> None:
        self._app = app
        self._unbounded = unbounded
        self._body_time = settings.body
        self._gate = Gate(settings, metrics=metrics)
        self._reserve = Gate(settings.model_copy(update={"in_flight": RESERVE}), metrics=metrics)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in self._unbounded:
            await self._app(scope, receive, send)
            return
        gate = self._reserve if scope["path"] in QUIET_ROUTES else self._gate
        async with AsyncExitStack() as stack:
            try:
                await stack.enter_async_context(gate.place())
            except Busy as problem:
                await problem_response(problem)(scope, receive, send)
                return
            await self._app(scope, _within(self._body_time, receive), send)


def _within(seconds: float, receive: Receive) -> Receive:
    """Return a `receive` that ends a request whose body does not arrive: it holds a place."""
    deadline = time.monotonic() + seconds
    complete = False

    async def hurried() -> Message:
        nonlocal complete
        if complete:
            # What comes now is the end of the connection, which may be waited for.
            return await receive()
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                message = await receive()
        except TimeoutError:
            raise HTTPException(HTTPStatus.REQUEST_TIMEOUT) from None
        complete = not message.get("more_body", False)
        return message

    return hurried
