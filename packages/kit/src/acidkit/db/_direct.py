"""The driver's own connections, for the few statements where an ORM costs more than PostgreSQL.

They come from the same pool as everything else, so that the bound on connections stays one bound.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.util import greenlet_spawn

from acidkit.db._commit import Guarded
from acidkit.db._engine import is_silence
from acidkit.db._retry import Isolation

# The last is what the driver says between the server's good-bye and the end of the connection.
DRIVER_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
DRIVER_WORDS = {
    Isolation.READ_COMMITTED: "read_committed",
    Isolation.REPEATABLE_READ: "repeatable_read",
    Isolation.SERIALIZABLE: "serializable",
}


class DirectUnit(Guarded):
    """One transaction on the driver's connection; its statements use `$1`, not `:name`."""

    def __init__(self, connection: "asyncpg.Connection", transaction: object) -> None:
        super().__init__()
        self.connection = connection
        self._transaction: asyncpg.transaction.Transaction = transaction

    async def commit(self) -> None:
        """Commit between the guards; each is told how it ended."""
        await self._commit_by(self._transaction.commit)


@asynccontextmanager
async def borrowed(engine: AsyncEngine) -> AsyncIterator["asyncpg.Connection"]:
    """Lend a connection of the pool in which no transaction is open.

    Raises:
        ConnectionResetError: it was closed under the block.
    """
    # Not `engine.connect()`: what SQLAlchemy puts around the driver's connection is not used here.
    pooled = await engine.raw_connection()
    connection: Any = pooled.driver_connection
    try:
        yield connection
    except BaseException as error:
        if is_silence(error) or isinstance(error, asyncpg.InternalClientError):
            connection.terminate()
        if connection.is_closed() and isinstance(error, DRIVER_ERRORS):
            raise ConnectionResetError("PostgreSQL closed the connection") from error
        raise
    finally:
        # The pool did not see what went on: it must not lend this connection out again.
        if not connection.is_closed() and connection.is_in_transaction():
            connection.terminate()
        await greenlet_spawn(pooled.invalidate if connection.is_closed() else pooled.close)


@asynccontextmanager
async def direct_unit(
    engine: AsyncEngine, isolation: Isolation | None = None
) -> AsyncIterator[DirectUnit]:
    """Yield a transaction on the driver's connection; commit at the end, roll back on any error."""
    async with borrowed(engine) as connection:
        words = DRIVER_WORDS[isolation] if isolation else None
        transaction = connection.transaction(isolation=words)
        await transaction.start()
        unit = DirectUnit(connection, transaction)
        try:
            yield unit
        except BaseException as error:
            if not is_silence(error) and not connection.is_closed():
                await transaction.rollback()
            raise
        await unit.commit()
