"""Runs an effect under a key: claim, effect and kept answer are one transaction."""

from collections.abc import Awaitable, Callable
from typing import Any

from acidkit.db import Database, DirectUnit, Isolation, UnitOfWork
from acidkit.idempotency._reply import Reply
from acidkit.idempotency._store import KeyStore, on_session
from acidkit.idempotency._ticket import Ticket


class Idempotency:
    """Does every ticket once.

    Each way raises KeyReused, KeyInProgress, what the effect raises, and the problems of the
    database. After `Unavailable` the outcome may be unknown: the client tries again with its key,
    and is given the kept answer or a new one.
    """

    def __init__(self, database: Database, store: KeyStore | None = None) -> None:
        self.store = store or KeyStore()
        self.database = database

    async def perform(
        self,
        ticket: Ticket,
        effect: Callable[[UnitOfWork], Awaitable[Reply]],
        *,
        isolation: Isolation | None = None,
    ) -> Reply:
        """Return the kept answer of `ticket`, or that of `effect`, which is done now.

        `effect` may run more than once (see `Database.transact`), and counts once.
        """

        async def closure(unit: UnitOfWork) -> Reply:
            executor = on_session(unit.session)
            claim = await self.store.claim(executor, ticket)
            if isinstance(claim, Reply):
                return claim
            reply = await effect(unit)
            # What the ORM has not sent yet may still fail, and must do so before it is kept.
            await unit.session.flush()
            await self.store.finish(executor, ticket, reply, holder=claim)
            return reply

        return await self.database.transact(closure, isolation=isolation)

    async def perform_direct(
        self,
        ticket: Ticket,
        effect: Callable[[DirectUnit], Awaitable[Reply]],
        *,
        isolation: Isolation | None = None,
    ) -> Reply:
        """Do as `perform` does, on the driver's connection."""

        async def closure(unit: DirectUnit) -> Reply:
            claim = await self.store.claim(unit.connection, ticket)
            if isinstance(claim, Reply):
                return claim
            reply = await effect(unit)
            await self.store.finish(unit.connection, ticket, reply, holder=claim)
            return reply

        return await self.database.transact_direct(closure, isolation=isolation)

    async def perform_statement(
        self, ticket: Ticket, reply: Reply, statement: str, *values: Any
    ) -> Reply:
        """Do everything in one round trip, where one statement is the whole effect.

        Args:
            ticket: The request.
            reply: The answer, known before: the service chooses ids and times itself.
            statement: Does something for the row of `claimed`; see `KeyStore.once`.
            values: What stands in the statement's places, which begin at `$12`.
        """
        return await self.database.direct(
            lambda connection: self.store.once(connection, ticket, reply, statement, *values)
        )
