"""Orders: stored once for each key, read by pages, changed by one statement."""

import json
import uuid
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from orders.cursors import Place
from orders.database import Database, LockTimeout, Row
from orders.errors import conflict, not_found, unauthenticated, under_way

COLUMNS = "id, user_id, total_cents, currency, status, created_at"

CLAIM = """
INSERT INTO idempotency_keys (user_id, key, fingerprint) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING key
"""

# An order is changed while it is pending; afterwards only what changes nothing is accepted. The conditions are
# looked at again when somebody else changed the row meanwhile.
CHANGE = f"""
UPDATE orders SET total_cents = coalesce($3, total_cents), currency = coalesce($4, currency),
                  status = coalesce($5, status)
WHERE id = $1 AND user_id = $2
  AND (status = 'pending' OR (coalesce($3, total_cents) = total_cents AND coalesce($4, currency) = currency
                              AND coalesce($5, status) = status))
RETURNING {COLUMNS}
"""


@dataclass(frozen=True)
class Stored:
    """The answer that belongs to a key."""

    order: uuid.UUID
    answer: bytes


@dataclass(frozen=True)
class Store:
    """Orders of all users; every method asks whose."""

    database: Database
    _under_way: set[tuple[int, str]] = field(default_factory=set)

    async def add(self, user: int, key: str, fingerprint: bytes, order: tuple[int, str]) -> Stored:
        """Store an order, or find what was answered to the first request with this key."""
        mine = user, key
        # Whoever asks meanwhile must not wait with a connection in its hands.
        if mine in self._under_way:
            raise under_way()
        self._under_way.add(mine)

        async def once(connection: asyncpg.Connection) -> Stored | None:
            if await connection.fetchval(CLAIM, user, key, fingerprint) is None:
                return None
            return await _insert(connection, user, key, *order)

        try:
            stored = await self.database.transaction(once)
        except LockTimeout:
            raise under_way() from None
        except asyncpg.ForeignKeyViolationError:
            raise unauthenticated("This account does not exist.") from None
        finally:
            self._under_way.discard(mine)
        return stored or await self._earlier(user, key, fingerprint)

    async def _earlier(self, user: int, key: str, fingerprint: bytes) -> Stored:
        found = await self.database.rows(
            "SELECT fingerprint, order_id, answer FROM idempotency_keys WHERE user_id = $1 AND key = $2", user, key
        )
        if not found:
            raise under_way()
        if found[0]["fingerprint"] != fingerprint:
            raise conflict("key_reused", "This Idempotency-Key was used before, with another body.")
        return Stored(found[0]["order_id"], found[0]["answer"])

    async def get(self, user: int, order: uuid.UUID) -> dict[str, Any]:
        found = await self.database.rows(
            f"SELECT {COLUMNS} FROM orders WHERE id = $1 AND user_id = $2", order, user
        )
        if not found:
            raise not_found()
        return shown(found[0])

    async def page(self, user: int, limit: int, after: Place | None) -> tuple[list[dict[str, Any]], Place | None]:
        """Up to `limit` orders, the newest first, and the place to go on from if there are more."""
        below = "AND (created_at, id) < ($3, $4)" if after else ""
        found = await self.database.rows(
            f"SELECT {COLUMNS} FROM orders WHERE user_id = $1 {below} ORDER BY created_at DESC, id DESC LIMIT $2",
            user,
            limit + 1,
            *(after or ()),
        )
        rows = found[:limit]
        place = (rows[-1]["created_at"], rows[-1]["id"]) if len(found) > limit else None
        return [shown(row) for row in rows], place

    async def change(self, user: int, order: uuid.UUID, changes: dict[str, Any]) -> dict[str, Any]:
        wanted = (changes.get(name) for name in ("total_cents", "currency", "status"))
        changed = await self.database.rows(CHANGE, order, user, *wanted, repeat=False)
        if changed:
            return shown(changed[0])
        present = await self.get(user, order)
        raise conflict("settled", f"The order is {present['status']}; this cannot be changed any more.")


async def _insert(connection: asyncpg.Connection, user: int, key: str, total: int, currency: str) -> Stored:
    row = await connection.fetchrow(
        f"INSERT INTO orders (user_id, total_cents, currency) VALUES ($1, $2, $3) RETURNING {COLUMNS}",
        user,
        total,
        currency,
    )
    answer = json.dumps(shown(row)).encode()
    await connection.execute(
        "UPDATE idempotency_keys SET order_id = $3, answer = $4 WHERE user_id = $1 AND key = $2",
        user,
        key,
        row["id"],
        answer,
    )
    return Stored(row["id"], answer)


def shown(row: Row) -> dict[str, Any]:
    """An order as clients see it."""
    return {**row, "id": str(row["id"]), "created_at": row["created_at"].isoformat()}
