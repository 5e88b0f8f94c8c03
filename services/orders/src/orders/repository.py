"""SQL about orders, on the driver's own connections: no session stands between."""

from datetime import datetime
from typing import Literal, NamedTuple, Self
from uuid import UUID

import asyncpg

from acidkit.web import UuidCursor

SELECT = "SELECT id, user_id, total_cents, currency, status::text, created_at, version FROM orders"

# What follows `WITH claimed AS (...)`: the key and its order are stored in one statement, hence in
# one transaction and one round trip.
ADD = """
INSERT INTO orders (id, user_id, total_cents, currency, created_at)
SELECT $12::uuid, $13::uuid, $14::integer, $15::text, $16::timestamptz FROM claimed
RETURNING true
"""
FIND = f"{SELECT} WHERE id = $1 AND user_id = $2"
LOCK = f"{FIND} FOR NO KEY UPDATE"
NEWEST = f"{SELECT} WHERE user_id = $1"
DOWN = "ORDER BY created_at DESC, id DESC LIMIT $2"
FIRST_PAGE = f"{NEWEST} {DOWN}"
OLDER = f"{NEWEST} AND (created_at, id) < ($3, $4) {DOWN}"
NEWER = f"{NEWEST} AND (created_at, id) > ($3, $4) ORDER BY created_at, id LIMIT $2"
CHANGE = """
UPDATE orders SET total_cents = $2, currency = $3, status = $4::text::order_status, version = $5
WHERE id = $1
"""

Status = Literal["pending", "paid", "cancelled"]


class Order(NamedTuple):
    """A row of the table."""

    id: UUID
    user_id: UUID
    total_cents: int
    currency: str
    status: Status
    created_at: datetime
    version: int

    @classmethod
    def of(cls, record: asyncpg.Record) -> Self:
        """Return a row as the driver gave it."""
        return cls(*record)


class OrderRepository:
    """Finds and changes orders; whoever asks says whose."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def find(self, order_id: UUID, *, user_id: UUID) -> Order | None:
        """Return an order of a user, or None."""
        record = await self._connection.fetchrow(FIND, order_id, user_id)
        return Order.of(record) if record else None

    async def lock(self, order_id: UUID, *, user_id: UUID) -> Order | None:
        """Return an order of a user and keep others from changing it until the transaction ends."""
        record = await self._connection.fetchrow(LOCK, order_id, user_id)
        return Order.of(record) if record else None

    async def beside(self, user_id: UUID, *, limit: int, at: UuidCursor | None) -> list[Order]:
        """Return up to `limit` orders of a user, those nearest to the cursor first.

        Without a cursor these are the newest ones.
        """
        if at is None:
            found = await self._connection.fetch(FIRST_PAGE, user_id, limit)
        else:
            statement = NEWER if at.newer else OLDER
            found = await self._connection.fetch(statement, user_id, limit, at.created_at, at.id)
        return [Order.of(record) for record in found]

    async def change(self, order: Order) -> None:
        """Write what may change of an order that is locked."""
        await self._connection.execute(
            CHANGE, order.id, order.total_cents, order.currency, order.status, order.version
        )
