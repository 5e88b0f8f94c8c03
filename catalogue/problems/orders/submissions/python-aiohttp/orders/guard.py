"""No more than five wrong passwords for one account, however many guess at once and wherever.

One try at a time: it holds the account's row by an id of its own while the password is checked, without keeping
a connection busy. It counts as failed from its beginning until it is known to be right, so a process that dies
in between has used up a guess and not gained one.
"""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import asyncpg

from orders.database import Database
from orders.errors import Refusal, busy, locked
from orders.turns import Turns

FAILURES = 5
PATIENCE_SECONDS = 3.5
LOOK_AGAIN_SECONDS = 0.02
MOST_WAITING = 200

# $3: how long failures are remembered. The row is locked by the update itself, and its conditions are looked at
# again once the lock was got.
TAKE = f"""
INSERT INTO login_guards AS guard (account, failed_at, holder, held_until, touched_at)
VALUES ($1, ARRAY[clock_timestamp()], $2, clock_timestamp() + interval '20 seconds', clock_timestamp())
ON CONFLICT (account) DO UPDATE SET
    failed_at = (SELECT coalesce(array_agg(moment ORDER BY moment), '{{}}') FROM unnest(guard.failed_at) AS moment
                 WHERE moment > clock_timestamp() - $3::interval) || clock_timestamp(),
    holder = excluded.holder, held_until = excluded.held_until, touched_at = excluded.touched_at, locked_until = NULL
WHERE (guard.locked_until IS NULL OR guard.locked_until <= clock_timestamp())
  AND (guard.holder IS NULL OR guard.held_until <= clock_timestamp())
  AND (SELECT count(*) FROM unnest(guard.failed_at) AS moment
       WHERE moment > clock_timestamp() - $3::interval) < {FAILURES}
RETURNING account
"""

# Why the row could not be taken: the seconds that are left of the lock, or nothing while somebody holds it.
WHY = f"""
SELECT extract(epoch FROM CASE
    WHEN locked_until > clock_timestamp() THEN locked_until - clock_timestamp()
    WHEN holder IS NULL OR held_until <= clock_timestamp() THEN
        (SELECT max(moment) FROM (SELECT moment FROM unnest(failed_at) AS moment ORDER BY moment DESC
                                  OFFSET {FAILURES - 1}) AS fifth) + $2::interval - clock_timestamp()
    END)::float8 AS seconds
FROM login_guards WHERE account = $1
"""

FAILED = f"""
UPDATE login_guards SET holder = NULL,
    locked_until = CASE WHEN cardinality(failed_at) >= {FAILURES} THEN clock_timestamp() + $3::interval END,
    failed_at = CASE WHEN cardinality(failed_at) >= {FAILURES} THEN '{{}}' ELSE failed_at END
WHERE account = $1 AND holder = $2
"""

RIGHT = "UPDATE login_guards SET holder = NULL, failed_at = '{}' WHERE account = $1 AND holder = $2 RETURNING 1"

NEVER_WAS = """
UPDATE login_guards SET holder = NULL, failed_at = trim_array(failed_at, 1) WHERE account = $1 AND holder = $2
"""


class Try:
    """One password that may be looked at."""

    def __init__(self, account: str) -> None:
        self.account = account
        self.id = uuid.uuid4()
        self.settled = False

    async def was_right(self, connection: asyncpg.Connection) -> None:
        """Forget the failures, in the transaction that the caller commits."""
        if not await connection.fetch(RIGHT, self.account, self.id):
            raise busy()  # it took so long that somebody else tries by now
        self.settled = True


class Guard:
    """Hands out tries."""

    def __init__(self, database: Database, seconds: int) -> None:
        self._database = database
        self._span = timedelta(seconds=seconds)
        self._turns = Turns(MOST_WAITING, PATIENCE_SECONDS)

    @asynccontextmanager
    async def one_try(self, account: str) -> AsyncIterator[Try]:
        """A try that counts as failed unless it was told to be right, or an error ended it.

        Raises:
            Refusal: the account is locked, or too many wait.
        """
        # Those who wait inside this process need not ask the database whose turn it is.
        async with self._turns.of(account):
            attempt = Try(account)
            await self._take(attempt)
            try:
                yield attempt
            except BaseException:
                with suppress(Refusal):
                    await self._database.rows(NEVER_WAS, account, attempt.id)
                raise
            if not attempt.settled:
                await self._database.rows(FAILED, account, attempt.id, self._span)

    async def _take(self, attempt: Try) -> None:
        until = time.monotonic() + PATIENCE_SECONDS
        while not await self._database.rows(TAKE, attempt.account, attempt.id, self._span, repeat=False):
            [row] = await self._database.rows(WHY, attempt.account, self._span)
            if row["seconds"] is not None and row["seconds"] > 0:
                raise locked(row["seconds"])
            if time.monotonic() > until:
                raise busy()
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
