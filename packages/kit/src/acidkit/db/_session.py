"""One request, one transaction: the edge commits, and it commits before the answer is given."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Annotated, TypeVar

import asyncpg
from fastapi import Depends, Request
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from acidkit.db._commit import Guarded
from acidkit.db._direct import DirectUnit, borrowed, direct_unit
from acidkit.db._engine import is_silence
from acidkit.db._outage import told_apart
from acidkit.db._retry import ATTEMPTS, Isolation, retried

T = TypeVar("T")


class UnitOfWork(Guarded):
    """The session of one transaction, and who watches its commit."""

    def __init__(self, session: AsyncSession) -> None:
        super().__init__()
        self.session = session

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """Undo on an error what the block did, and nothing before it; may be nested."""
        async with self.session.begin_nested():
            yield

    async def commit(self) -> None:
        """Commit between the guards; each is told how it ended."""
        await self._commit_by(self.session.commit)


class Database:
    """Hands out transactions and reads, and says `Unavailable` when there are none."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        # Reads of one statement need no BEGIN and COMMIT around them: two round trips less.
        self._reading = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._isolated = {
            level: engine.execution_options(isolation_level=level.value) for level in Isolation
        }

    @asynccontextmanager
    async def unit_of_work(self) -> AsyncIterator[UnitOfWork]:
        """Yield a transaction; commit at the end, roll back on any error."""
        with told_apart():
            async with self._begun(None) as unit:
                yield unit

    async def transact(
        self,
        closure: Callable[[UnitOfWork], Awaitable[T]],
        *,
        isolation: Isolation | None = None,
        attempts: int = ATTEMPTS,
    ) -> T:
        """Return what `closure` returned, after its transaction committed.

        A transaction that loses a race (40001, 40P01) is repeated as a whole, so `closure` decides
        everything anew on a fresh session and touches nothing but the database. One whose commit
        has an unknown outcome is not repeated.

        Raises:
            Busy: it lost `attempts` times.
        """

        async def attempt() -> T:
            async with self._begun(isolation) as unit:
                return await closure(unit)

        with told_apart():
            return await retried(attempt, attempts=attempts)

    async def transact_direct(
        self,
        closure: Callable[[DirectUnit], Awaitable[T]],
        *,
        isolation: Isolation | None = None,
        attempts: int = ATTEMPTS,
    ) -> T:
        """Do as `transact` does, with the driver's connection in place of a session."""

        async def attempt() -> T:
            async with direct_unit(self.engine, isolation) as unit:
                return await closure(unit)

        with told_apart():
            return await retried(attempt, attempts=attempts)

    async def direct(
        self,
        closure: Callable[["asyncpg.Connection"], Awaitable[T]],
        *,
        attempts: int = ATTEMPTS,
    ) -> T:
        """Return what `closure` returned; each statement is a transaction of its own.

        Repeated like `transact`, so `closure` sends one statement that writes, at most.
        """

        async def attempt() -> T:
            async with borrowed(self.engine) as connection:
                return await closure(connection)

        with told_apart():
            return await retried(attempt, attempts=attempts)

    async def read(self, question: Callable[[AsyncSession], Awaitable[T]]) -> T:
        """Return the answer of a read that changes nothing.

        A connection that breaks under it is replaced once: a restart of PostgreSQL is not seen. One
        that is silent is not: asking again would double the wait.
        """

        async def ask() -> T:
            async with AsyncSession(self._reading, expire_on_commit=False) as session:
                return await question(session)

        return await _asked_twice(ask)

    async def read_direct(self, question: Callable[["asyncpg.Connection"], Awaitable[T]]) -> T:
        """Do as `read` does, with the driver's connection in place of a session."""

        async def ask() -> T:
            async with borrowed(self.engine) as connection:
                return await question(connection)

        return await _asked_twice(ask)

    @asynccontextmanager
    async def _begun(self, isolation: Isolation | None) -> AsyncIterator[UnitOfWork]:
        engine = self._isolated[isolation] if isolation else self.engine
        async with AsyncSession(engine, expire_on_commit=False) as session:
            unit = UnitOfWork(session)
            yield unit
            await unit.commit()

    async def warm_up(self) -> None:
        """Open one connection, so that the first request does not wait for it.

        Raises:
            Unavailable: the database is not there (yet).
        """

        async def greet(session: AsyncSession) -> None:
            await session.execute(text("SELECT 1"))

        await self.read(greet)

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()


async def _asked_twice(ask: Callable[[], Awaitable[T]]) -> T:
    with told_apart():
        try:
            return await ask()
        except DBAPIError as error:
            if not error.connection_invalidated or is_silence(error.orig):
                raise
        except (ConnectionResetError, asyncpg.ConnectionDoesNotExistError):
            pass
        return await ask()


async def _unit_of_request(request: Request) -> AsyncIterator[UnitOfWork]:
    database: Database = request.app.state.database
    async with database.unit_of_work() as unit:
        yield unit


# scope="function": FastAPI would otherwise commit after the answer was sent, and a client would
# hold a 201 for something that a failing commit took back.
UnitOfWorkDep = Annotated[UnitOfWork, Depends(_unit_of_request, scope="function")]
