"""Takes away what has expired, a little at a time, so that the tables stay as small as they can."""

import asyncio
import random
from contextlib import suppress
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import ColumnElement, Table, delete, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.sql.dml import ReturningDelete

from acidkit.auth._settings import Clock
from acidkit.auth._tables import AuthTables
from acidkit.db import Database
from acidkit.errors import Problem

BATCH = 500
EVENTS_KEPT = timedelta(days=90)


class Sweeper:
    """Deletes expired rows in batches; any number of replicas may do it at the same time."""

    def __init__(self, database: Database, *, tables: AuthTables, clock: Clock) -> None:
        self._database = database
        self._tables = tables
        self._clock = clock

    async def sweep(self) -> int:
        """Delete one batch of each kind and return how many rows went."""
        now = self._clock()
        attempts, families, events = (
            self._tables.login_attempts,
            self._tables.refresh_families,
            self._tables.auth_events,
        )
        gone = await self._delete(_batch(attempts, attempts.c.expires_at <= now))
        gone += await self._delete(_batch(families, families.c.expires_at <= now))
        gone += await self._delete(_batch(events, events.c.at <= now - EVENTS_KEPT))
        return gone

    async def run(self, *, every: float) -> None:
        """Sweep every so many seconds, not in step with other replicas; never ends by itself."""
        while True:
            await asyncio.sleep(every * random.uniform(0.5, 1.5))  # noqa: S311 - spreads load only
            try:
                while await self.sweep() >= BATCH:
                    pass
            except (Problem, SQLAlchemyError) as error:
                # An outage: requests tell of it loudly enough.
                structlog.get_logger().warning("auth_sweep_failed", cause=type(error).__name__)

    async def _delete(self, statement: ReturningDelete[Any]) -> int:
        async with self._database.unit_of_work() as unit:
            return len((await unit.session.execute(statement)).all())


async def stopped(task: "asyncio.Task[None] | None") -> None:
    """End a sweeper's task, if there is one."""
    if task:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _batch(table: Table, expired: ColumnElement[bool]) -> ReturningDelete[Any]:
    key = next(iter(table.primary_key.columns))
    some = select(key).where(expired).limit(BATCH).with_for_update(skip_locked=True)
    return delete(table).where(key.in_(some)).returning(key)
