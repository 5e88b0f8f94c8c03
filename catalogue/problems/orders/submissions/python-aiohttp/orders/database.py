"""Connections that never wait for ever, what is tried again, and what counts as "cannot be reached"."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import asyncpg

from orders import log
from orders.errors import Refusal, unavailable

POOL_SIZE = 10
CONNECT_SECONDS = 2.0  # waiting for a free or a new connection
ANSWER_SECONDS = 3.5
PATIENCE_SECONDS = 2.5  # nothing is begun again after that
ATTEMPTS = 4

COLLISIONS = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)
LOST = (
    ConnectionError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
)
TROUBLE = (
    *COLLISIONS,
    *LOST,
    OSError,
    TimeoutError,
    asyncpg.CannotConnectNowError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.LockNotAvailableError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InternalClientError,
)

Row = asyncpg.Record
T = TypeVar("T")


class LockTimeout(Refusal):
    """Somebody else holds what the statement needs."""


class NotCommitted(Exception):
    """The database answered COMMIT with something else."""


class PlainConnection(asyncpg.Connection):
    """Gives nothing back at the end: no statement here changes the state of its connection."""

    def get_reset_query(self) -> str:
        return ""


class Database:
    """A bounded pool of connections."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool: asyncpg.Pool | None = None

    async def open(self) -> None:
        """Make the pool; the database may still be away."""
        self._pool = await asyncpg.create_pool(
            self._url,
            min_size=0,
            max_size=POOL_SIZE,
            timeout=CONNECT_SECONDS,
            command_timeout=ANSWER_SECONDS,
            max_inactive_connection_lifetime=60,
            connection_class=PlainConnection,
            server_settings={
                "application_name": "orders",
                "timezone": "UTC",
                "statement_timeout": "3000",
                "lock_timeout": "1500",
                "idle_in_transaction_session_timeout": "5000",
            },
        )

    async def close(self) -> None:
        """End the connections, however busy they are."""
        if self._pool is not None:
            self._pool.terminate()

    async def rows(self, statement: str, *values: Any, repeat: bool = True) -> list[Row]:
        """Run one statement, a transaction of its own.

        Args:
            statement: SQL with $1, $2, …
            values: what stands there.
            repeat: whether the statement may run again after its connection was lost.

        Raises:
            Refusal: the database cannot be reached, or is too busy.
            asyncpg.PostgresError: the database refuses the statement.
        """

        async def once(connection: asyncpg.Connection) -> list[Row]:
            return await connection.fetch(statement, *values)

        return await self._persist(once, lambda: repeat)

    async def transaction(self, work: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
        """Run `work` and commit it; it may run more than once.

        Raises:
            Refusal, asyncpg.PostgresError: as in `rows`.
            NotCommitted: nothing was stored.
        """
        committing = False

        async def whole(connection: asyncpg.Connection) -> T:
            nonlocal committing
            committing = False
            await connection.execute("BEGIN")
            try:
                result = await work(connection)
            except (Refusal, asyncpg.PostgresError):
                await connection.execute("ROLLBACK")
                raise
            committing = True
            if await connection.execute("COMMIT") != "COMMIT":
                raise NotCommitted
            return result

        # Nobody knows what became of a commit whose answer was lost.
        return await self._persist(whole, lambda: not committing)

    async def _persist(
        self, work: Callable[[asyncpg.Connection], Awaitable[T]], repeatable: Callable[[], bool]
    ) -> T:
        until = time.monotonic() + PATIENCE_SECONDS
        for left in reversed(range(ATTEMPTS)):
            try:
                async with self._connection() as connection:
                    return await work(connection)
            except TROUBLE as error:
                again = isinstance(error, COLLISIONS) or (isinstance(error, LOST) and repeatable())
                if not again or left == 0 or time.monotonic() > until:
                    raise _told(error) from None
            await asyncio.sleep(random.uniform(0.005, 0.045))
        raise AssertionError("unreachable")

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[asyncpg.Connection]:
        assert self._pool is not None
        connection = await self._pool.acquire(timeout=CONNECT_SECONDS)
        try:
            yield connection
        except (TimeoutError, OSError, asyncpg.InterfaceError):
            # Nobody may be given a connection that somebody still waits on.
            connection.terminate()
            raise
        finally:
            await self._pool.release(connection, timeout=1)


def _told(error: BaseException) -> Refusal:
    log.say("the database did not do it", level="warning", **log.about(error))
    refusal = unavailable()
    if isinstance(error, asyncpg.LockNotAvailableError):
        return LockTimeout(refusal.status, refusal.code, refusal.message, **refusal.headers)
    return refusal
