"""Runs an application and ends it gently: out of rotation first, then finished, then closed."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Iterator

import structlog
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

from acidkit.lifecycle import Lifecycle

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class ServerSettings(BaseModel):
    """Where to listen and how long the end may take; seconds throughout."""

    model_config = ConfigDict(frozen=True)

    host: str = "0.0.0.0"  # noqa: S104 - a container's service listens on all its interfaces
    port: int = Field(default=8000, ge=0, le=65535)
    drain: float = Field(default=0.5, ge=0, description="Still accepting, already not ready.")
    grace: float = Field(default=8.0, gt=0, description="For requests under way, after that.")
    keep_alive: float = Field(default=65.0, gt=0, description="Longer than a load balancer's 60.")
    backlog: int = Field(default=2048, ge=1)


def serve(app: FastAPI, settings: ServerSettings) -> None:
    """Serve until SIGTERM or SIGINT, then drain and return."""
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        backlog=settings.backlog,
        timeout_keep_alive=int(settings.keep_alive),
        timeout_graceful_shutdown=int(settings.grace),
        access_log=False,
        log_config=None,
        server_header=False,
        # uvicorn would believe X-Forwarded-For from anybody on this machine; `acidkit.limits` asks
        # whom to believe.
        proxy_headers=False,
        lifespan="on",
    )
    server = _DrainingServer(config, lifecycle=app.state.lifecycle, drain=settings.drain)
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(server.serve())
    if not server.started:
        raise SystemExit("the service could not start; see the log")


class _DrainingServer(uvicorn.Server):
    """Flips readiness on the first signal, goes on for a moment, then stops as uvicorn does.

    A second signal skips what is left of the waiting.
    """

    def __init__(self, config: uvicorn.Config, *, lifecycle: Lifecycle, drain: float) -> None:
        super().__init__(config)
        self._lifecycle = lifecycle
        self._drain = drain

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self._end, number)
        await super().startup(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn would raise the signal again after a clean end, and the exit code would say
        # "killed by SIGTERM"; ours says 0.
        yield

    def _end(self, number: int) -> None:
        if self._lifecycle.draining:
            self.should_exit = True
            return
        structlog.get_logger().info("draining", signal=signal.Signals(number).name)
        self._lifecycle.drain()
        asyncio.get_running_loop().call_later(self._drain, self._stop)

    def _stop(self) -> None:
        self.should_exit = True
