"""Removes keys that are no longer kept, a little at a time."""

import asyncio
import random

import structlog

from acidkit.db import Database
from acidkit.errors import Problem
from acidkit.idempotency._store import KeyStore

PERIOD = 60.0
BATCH = 500
BATCHES = 20


class Reaper:
    """A background task of a service; several replicas may run it at once.

    Args:
        database: Where the keys are.
        store: Whose keys.
        period: Seconds between turns, give or take a tenth.
        batch: Rows of one short transaction.
        batches: Transactions of one turn, at most: `batch * batches / period` is the rate that is
            kept up with.
    """

    def __init__(
        self,
        database: Database,
        store: KeyStore,
        *,
        period: float = PERIOD,
        batch: int = BATCH,
        batches: int = BATCHES,
    ) -> None:
        self._database = database
        self._store = store
        self._period = period
        self._batch = batch
        self._batches = batches

    async def run(self) -> None:
        """Take turns until cancelled; a database that is away is asked again at the next turn."""
        while True:
            # Replicas that started together must not reap together.
            await asyncio.sleep(self._period * random.uniform(0.9, 1.1))  # noqa: S311 - no secret
            try:
                await self.turn()
            except Problem as error:
                structlog.get_logger().warning("keys_not_reaped", code=error.code)

    async def turn(self) -> int:
        """Remove what is due, within the bound of one turn; return how many rows."""
        removed = 0
        for _ in range(self._batches):
            some = await self._database.direct(
                lambda connection: self._store.reap(connection, limit=self._batch)
            )
            removed += some
            if some < self._batch:
                break
        return removed
