"""The one way to Redis: bounded in time, and shut while Redis cannot be trusted.

The link is *trusted* or not. It starts distrusted, loses trust when exchanges fail, and gains it
by one means only: wiping every namespace it serves. So whatever a process missed while it could
not reach Redis, and whatever its predecessor left unsaid when it was killed, it cannot bring
an old answer back.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Sequence
from typing import Any

import structlog
from pydantic import BaseModel, ConfigDict, Field, SecretStr
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from acidkit.cache._metrics import CacheMetrics

FAILURES = 2  # one late answer is no outage; two in a row are
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 1.0
LATE_TURNS = 8
LEAST = 0.025  # what the next step may use after one that went well

Command = tuple[str | bytes | int | float, ...]


class CacheSettings(BaseModel):
    """Where Redis is and how much a request may lose to it; seconds throughout."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    url: SecretStr
    budget: float = Field(default=0.1, gt=0, description="All waiting of one request for Redis.")
    connections: int = Field(default=16, ge=1)
    ttl: float = Field(default=30.0, gt=0, description="Longest life of an entry.")
    lease: float = Field(default=2.0, gt=0, description="How long one loader may keep others off.")
    patience: float = Field(default=0.3, gt=0, description="Longest wait for another's load.")


class CacheUnavailable(Exception):  # noqa: N818 - a state of the world, not a mistake of the caller
    """Redis is not to be used for this request."""


class Budget:
    """What is left of the time that one request may lose to Redis."""

    def __init__(self, seconds: float) -> None:
        self.left = seconds

    def spend(self, seconds: float) -> None:
        """Take what an exchange cost."""
        self.left -= seconds

    def well_spent(self) -> None:
        """Leave enough for the next step: Redis does answer, and delays may be our own."""
        self.left = max(self.left, LEAST)


class CacheLink:
    """Runs commands within a budget, or says `CacheUnavailable` at once."""

    def __init__(self, settings: CacheSettings, *, metrics: CacheMetrics) -> None:
        self.settings = settings
        self.metrics = metrics
        self._namespaces: list[str] = []
        self._trusted = False
        self._failures = 0
        self._distrusts = 0
        self._recovery: asyncio.Task[None] | None = None
        self._redis = Redis.from_pool(_pool(settings))
        metrics.up.set(0)

    @property
    def trusted(self) -> bool:
        """Whether Redis is in use."""
        return self._trusted

    def serve(self, version_key: str) -> None:
        """Name a key whose removal wipes a namespace."""
        self._namespaces.append(version_key)

    def budget(self) -> Budget:
        """Return a fresh budget for one request."""
        return Budget(self.settings.budget)

    async def start(self) -> None:
        """Try Redis once, within one budget; go on trying beside the service if it is not there."""
        if not await self._regain():
            self._recover()

    async def close(self) -> None:
        """End the recovery and every connection."""
        if self._recovery:
            self._recovery.cancel()
            await asyncio.wait([self._recovery])
        with contextlib.suppress(RedisError, OSError):
            await self._redis.aclose()

    async def run(self, *commands: Command, budget: Budget) -> list[Any]:
        """Return one reply per command, in one round trip; a refused command's reply is its error.

        Raises:
            CacheUnavailable: Redis is distrusted, did not answer in time, or cannot take commands.
        """
        if not self._trusted or budget.left <= 0:
            raise CacheUnavailable
        begun = time.monotonic()
        try:
            replies = await self._exchange(commands, limit=budget.left)
        except (RedisError, OSError) as error:
            self._failed(error)
            raise CacheUnavailable from error
        finally:
            budget.spend(time.monotonic() - begun)
        self._failures = 0
        budget.well_spent()
        return replies

    def distrust(self, reason: str) -> None:
        """Stop using Redis until a wipe that begins after now has succeeded."""
        self._distrusts += 1
        if self._trusted:
            self._trusted = False
            self.metrics.up.set(0)
            structlog.get_logger().warning("cache_down", reason=reason)
        self._recover()

    async def _exchange(self, commands: Sequence[Command], *, limit: float) -> list[Any]:
        pipeline = self._redis.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        try:
            replies = await _within(limit, pipeline.execute(raise_on_error=False))
        except RuntimeError as error:
            # What uvloop says of a transport that the other side has just reset.
            raise ConnectionError(str(error)) from error
        for reply in replies:
            # Anything but an error about this one command (wrong type, out of memory) concerns all.
            if isinstance(reply, RedisError) and not isinstance(reply, ResponseError):
                raise reply
        return replies

    def _failed(self, error: Exception) -> None:
        self._failures += 1
        self.metrics.errors.labels(type(error).__name__).inc()
        if self._failures >= FAILURES:
            self.distrust(type(error).__name__)

    def _recover(self) -> None:
        if self._recovery is None or self._recovery.done():
            self._recovery = asyncio.create_task(self._keep_trying())

    async def _keep_trying(self) -> None:
        pause = FIRST_PAUSE
        while not await self._regain():
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE)

    async def _regain(self) -> bool:
        before = self._distrusts
        wipe: Command = ("DEL", *self._namespaces) if self._namespaces else ("PING",)
        try:
            replies = await self._exchange([wipe], limit=self.settings.budget)
        except (RedisError, OSError) as error:
            self.metrics.errors.labels(type(error).__name__).inc()
            return False
        # Distrusted again meanwhile: a write ended after this wipe may have begun before it.
        if isinstance(replies[0], RedisError) or self._distrusts != before:
            return False
        self._trusted = True
        self._failures = 0
        self.metrics.up.set(1)
        structlog.get_logger().info("cache_up")
        return True


async def _within(limit: float, work: Awaitable[list[Any]]) -> list[Any]:
    """Return what `work` gives in time.

    When this process itself was held up, the clock and the reply are noticed together, the clock
    first: the reply then gets the few turns of the loop that it needs to arrive.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait([task], timeout=limit)
        for _ in range(0 if task.done() else LATE_TURNS):
            await asyncio.sleep(0)
        if task.done():
            return task.result()
        raise TimeoutError
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait([task])


def _pool(settings: CacheSettings) -> BlockingConnectionPool:
    return BlockingConnectionPool.from_url(
        settings.url.get_secret_value(),
        max_connections=settings.connections,
        timeout=settings.budget,
        # The caller's budget is the only clock, and there is nothing to try again within it.
        socket_connect_timeout=None,
        socket_timeout=None,
        retry=Retry(NoBackoff(), 0),
        # No greeting: it would cost round trips.
        protocol=2,
        driver_info=None,
    )
