"""One request, one transaction: the edge commits, and it commits before the answer is given."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Protocol, TypeVar

import asyncpg
from fastapi import Depends, Request
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from acidkit.db._engine import is_silence
from acidkit.db._outage import told_apart

T = TypeVar("T")


class CommitGuard(Protocol):
    """Somebody who must know about a commit from both sides, such as a cache."""

    async def before_commit(self) -> None:
        """Prepare; called when every statement succeeded and COMMIT comes next."""

    async def after_commit(self, *, certain: bool) -> None:
        """Conclude; `certain` is false when the outcome of COMMIT is not known."""


class UnitOfWork:
    """The session of one transaction, and who watches its commit."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session
        self._guards: list[CommitGuard] = []

    def watch(self, guard: CommitGuard) -> None:
        """Let `guard` stand around the commit."""
        self._guards.append(guard)

    async def commit(self) -> None:
        """Commit between the guards; each is told how it ended."""
        for guard in self._guards:
            await guard.before_commit()
        certain = False
        try:
            await self.session.commit()
            certain = True
        except DBAPIError as error:
            # With an SQLSTATE of its own the server refused: that is a certain outcome too.
            certain = not error.connection_invalidated and bool(
                getattr(error.orig, "sqlstate", None)
            )
            raise
        finally:
            for guard in self._guards:
                await guard.after_commit(certain=certain)


class Database:
    """Hands out transactions and reads, and says `Unavailable` when there are none."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        # Reads of one statement need no BEGIN and COMMIT around them: two round trips less.
        self._reading = engine.execution_options(isolation_level="AUTOCOMMIT")

    @asynccontextmanager
    async def unit_of_work(self) -> AsyncIterator[UnitOfWork]:
        """Yield a transaction; commit at the end, roll back on any error."""
        with told_apart():
            async with AsyncSession(self.engine, expire_on_commit=False) as session:
                unit = UnitOfWork(session)
                yield unit
                await unit.commit()

    async def read(self, question: Callable[[AsyncSession], Awaitable[T]]) -> T:
        """Return the answer of a read that changes nothing.

        A connection that breaks under it is replaced once: a restart of PostgreSQL is not seen. One
        that is silent is not: asking again would double the wait.
        """
        with told_apart():
            try:
                return await self._ask(question)
            except DBAPIError as error:
                if not error.connection_invalidated or is_silence(error.orig):
                    raise
            except (ConnectionResetError, asyncpg.ConnectionDoesNotExistError):
                pass
            return await self._ask(question)

    async def _ask(self, question: Callable[[AsyncSession], Awaitable[T]]) -> T:
        async with AsyncSession(self._reading, expire_on_commit=False) as session:
            return await question(session)

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


async def _unit_of_request(request: Request) -> AsyncIterator[UnitOfWork]:
    database: Database = request.app.state.database
    async with database.unit_of_work() as unit:
        yield unit


# scope="function": FastAPI would otherwise commit after the answer was sent, and a client would
# hold a 201 for something that a failing commit took back.
UnitOfWorkDep = Annotated[UnitOfWork, Depends(_unit_of_request, scope="function")]
