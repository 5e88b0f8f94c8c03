"""The client itself: fresh connections, one deadline over everything, bounded memory, one record."""

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from acidtest.core.clock import RunClock
from acidtest.core.evidence import HttpExchange
from acidtest.grader.client.message import MAX_BODY, Endpoint, Reply, Request


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
        raise NotImplementedError

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
        """Close every connection."""
        raise NotImplementedError

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
        """
        raise NotImplementedError

    async def raw(
        self,
        data: bytes,
        *,
        replica: str | int | None = None,
        deadline: float = 10.0,
        max_bytes: int = MAX_BODY,
    ) -> Reply:
        """Send `data` as it is, however malformed, and return what came back."""
        raise NotImplementedError
