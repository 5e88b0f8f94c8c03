"""The SQL of keys: claim, finish, recall, reap. It speaks through whoever can run a statement.

The common path costs two round trips inside the effect's transaction (claim, finish), or one when
the answer is known before the effect, or none of its own when claim and effect are one statement.

Two guards stand at a key. An advisory lock, which is tried and never waited for, answers "in
progress" at once, so that a thousand repetitions hold no connections. The unique row decides, also
where the lock's 64 bits should collide or its holder died. A holder that dies loses its transaction
and with it the claim; one that is merely silent is ended by `idle_in_transaction_timeout`. A claim
that was *committed* (a foreign call must not happen inside a transaction) is a lease.
"""

import uuid
from http import HTTPStatus
from typing import Any, Protocol

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from acidkit.db import sqlstate_of
from acidkit.errors import Conflict, Problem
from acidkit.idempotency._reply import Reply, headers_from_text
from acidkit.idempotency._table import NAME
from acidkit.idempotency._ticket import Ticket

DAY = 24 * 3600.0
LEASE = 30.0

CLAIM = """
INSERT INTO {table} AS kept
  (owner, operation, key, fingerprint, holder, leased_until, status, headers, body)
SELECT $1::text, $2::text, $3::text, $4::bytea, $5::uuid, now() + make_interval(secs => $6::float8),
       $7::smallint, $8::text, $9::bytea
WHERE pg_try_advisory_xact_lock($10::bigint)
ON CONFLICT (owner, operation, key) DO UPDATE
SET fingerprint = excluded.fingerprint, holder = excluded.holder,
    leased_until = excluded.leased_until, status = excluded.status, headers = excluded.headers,
    body = excluded.body, created_at = now()
WHERE kept.created_at <= now() - make_interval(secs => $11::float8)
   OR (kept.status IS NULL AND kept.leased_until <= now()
       AND kept.fingerprint = excluded.fingerprint)
RETURNING true
"""

# Dividing by nothing undoes the claim together with the effect that did not happen.
ONCE = """
WITH claimed AS ({claim}), effect AS ({effect})
SELECT 1 / (SELECT count(*) FROM effect) FROM claimed
"""
DIVISION_BY_ZERO = "22012"

FINISH = """
UPDATE {table} SET status = $5::smallint, headers = $6::text, body = $7::bytea
WHERE owner = $1::text AND operation = $2::text AND key = $3::text AND holder = $4::uuid
  AND status IS NULL
RETURNING true
"""

RECALL = """
SELECT fingerprint, status, headers, body,
       created_at <= now() - make_interval(secs => $4::float8) AS expired,
       ceil(extract(epoch FROM leased_until - now()))::int AS remaining
FROM {table} WHERE owner = $1::text AND operation = $2::text AND key = $3::text
"""

REAP = """
WITH gone AS (
  DELETE FROM {table} WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM {table} WHERE created_at <= now() - make_interval(secs => $1::float8)
    ORDER BY created_at LIMIT $2::int FOR UPDATE SKIP LOCKED))
  RETURNING 1)
SELECT count(*) FROM gone
"""


class KeyReused(Problem):
    """This Idempotency-Key was used for another request."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "idempotency_key_reused"


class KeyInProgress(Conflict):
    """The first request with this Idempotency-Key is still at work; please try again."""

    code = "idempotency_key_in_progress"

    def __init__(self, *, retry_after: int = 1) -> None:
        super().__init__(headers={"Retry-After": str(max(1, retry_after))})


class LeaseLost(Conflict):
    """This took so long that somebody else has taken it over."""

    code = "idempotency_lease_lost"


class NothingDone(Conflict):
    """There was nothing that this could be done to."""

    code = "nothing_done"


class Executor(Protocol):
    """Who can run a statement with `$1` places: asyncpg's connection, or `on_session(...)`."""

    async def fetchrow(self, query: str, *args: Any) -> Any:
        """Return the first row, or None."""


class _SessionExecutor:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def fetchrow(self, query: str, *args: Any) -> Any:
        connection = await self._session.connection()
        return (await connection.exec_driver_sql(query, args)).first()


def on_session(session: AsyncSession) -> Executor:
    """Return an executor that works in a session's transaction."""
    return _SessionExecutor(session)


class KeyStore:
    """Claims keys and keeps answers.

    Args:
        table: Name of the table; see `idempotency_table`.
        keep: Seconds for which an answer is kept.
        lease: Seconds after which a *committed* claim may be taken over; longer than the work.
    """

    def __init__(self, *, table: str = NAME, keep: float = DAY, lease: float = LEASE) -> None:
        self.keep = keep
        self._lease = lease
        self._claim, self._finish, self._recall, self._reap = (
            statement.format(table=table) for statement in (CLAIM, FINISH, RECALL, REAP)
        )

    async def claim(
        self, executor: Executor, ticket: Ticket, *, reply: Reply | None = None
    ) -> Reply | uuid.UUID:
        """Return the answer that is kept for `ticket`, or the new claim's holder: go on, do it.

        Args:
            executor: Speaks inside the transaction of the effect.
            ticket: The request.
            reply: The answer, where it is known before the effect; nothing is to be finished then.

        Raises:
            KeyReused: the key stands for another request.
            KeyInProgress: the first request is at work.
        """
        holder = uuid.uuid4()
        arguments = self._arguments(ticket, holder, reply)
        if await executor.fetchrow(self._claim, *arguments) is not None:
            return holder
        return await self.recall(executor, ticket)

    async def once(
        self, executor: Executor, ticket: Ticket, reply: Reply, statement: str, *values: Any
    ) -> Reply:
        """Claim, keep `reply` and do `statement`, all in one; return the answer to give.

        Args:
            executor: Needs no transaction around it.
            ticket: The request.
            reply: The answer, known before the effect.
            statement: Does something for the row of `claimed` and returns a row for it, such as
                `INSERT INTO t (id) SELECT $12::uuid FROM claimed RETURNING 1`.
            values: What stands in the places from `$12`.

        Raises:
            NothingDone: `statement` returned no row for its claim; nothing was kept.
            KeyReused: the key stands for another request.
            KeyInProgress: the first request is at work.
        """
        arguments = self._arguments(ticket, uuid.uuid4(), reply)
        query = ONCE.format(claim=self._claim, effect=statement)
        try:
            done = await executor.fetchrow(query, *arguments, *values)
        except (DBAPIError, asyncpg.PostgresError) as error:
            if sqlstate_of(error) == DIVISION_BY_ZERO:
                raise NothingDone from error
            raise
        return reply if done is not None else await self.recall(executor, ticket)

    async def finish(
        self, executor: Executor, ticket: Ticket, reply: Reply, *, holder: uuid.UUID
    ) -> None:
        """Keep the answer of a claim.

        Raises:
            LeaseLost: the claim is no longer this holder's; the effect must not be committed.
        """
        kept = (reply.status, reply.headers_as_text(), reply.body)
        if await executor.fetchrow(self._finish, *ticket[:3], holder, *kept) is None:
            raise LeaseLost

    async def recall(self, executor: Executor, ticket: Ticket) -> Reply:
        """Return the answer that is kept for `ticket`, marked as given before.

        Raises:
            KeyReused: the key stands for another request.
            KeyInProgress: there is no answer yet.
        """
        row = await executor.fetchrow(self._recall, *ticket[:3], self.keep)
        if row is None:
            raise KeyInProgress
        kept_fingerprint, status, headers, body, expired, remaining = row
        if expired:
            raise KeyInProgress  # somebody is just replacing it
        if bytes(kept_fingerprint) != ticket.fingerprint:
            raise KeyReused
        if status is None:
            raise KeyInProgress(retry_after=remaining)
        return Reply(status, bytes(body), tuple(headers_from_text(headers)), replayed=True)

    async def reap(self, executor: Executor, *, limit: int = 500) -> int:
        """Remove up to `limit` keys that are no longer kept, oldest first; return how many."""
        row = await executor.fetchrow(self._reap, self.keep, limit)
        return int(row[0])

    def _arguments(self, ticket: Ticket, holder: uuid.UUID, reply: Reply | None) -> tuple[Any, ...]:
        kept = (reply.status, reply.headers_as_text(), reply.body) if reply else (None,) * 3
        return (*ticket, holder, self._lease, *kept, ticket.number, self.keep)
