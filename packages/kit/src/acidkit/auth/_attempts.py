"""How often somebody may guess: five wrong passwords in fifteen minutes lock an address.

A guess is reserved before its password is looked at and settled afterwards, each in a short
transaction that locks the address's row. So no connection is held while a hash is computed, and
never more guesses are looked at than may still fail, on however many replicas. Addresses without
an account are counted alike: a lock tells nothing about who is registered.
"""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Table
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from acidkit.auth._errors import AccountLocked
from acidkit.auth._settings import AuthSettings

# A reservation that nobody settled belongs to a process that died; hashing takes seconds at most.
ABANDONED = timedelta(seconds=30)


class GuessesPendingError(Exception):
    """As many guesses as may still fail are being looked at right now; ask again in a moment."""


class _Record(NamedTuple):
    failed_at: Sequence[datetime] = ()
    pending: int = 0
    pending_at: datetime | None = None
    locked_until: datetime | None = None


class Attempts:
    """Reserves and settles guesses on the caller's session; never commits."""

    def __init__(self, settings: AuthSettings, *, table: Table) -> None:
        self._limit = settings.lockout_failures
        self._window = timedelta(seconds=settings.lockout_window)
        self._duration = timedelta(seconds=settings.lockout_duration)
        self._table = table

    async def reserve(self, session: AsyncSession, mail_hash: bytes, *, now: datetime) -> None:
        """Take one guess; it must be settled, or it counts for half a minute.

        Raises:
            AccountLocked: no password is looked at now, not even the right one.
            GuessesPendingError: how this ends depends on guesses that are being looked at.
        """
        record = self._current(await self._lock(session, mail_hash, now=now), now=now)
        if record.locked_until:
            left = (record.locked_until - now).total_seconds()
            raise AccountLocked(retry_after=max(1, math.ceil(left)))
        if len(record.failed_at) + record.pending >= self._limit:
            raise GuessesPendingError
        taken = record._replace(pending=record.pending + 1, pending_at=now)
        await self._store(session, mail_hash, taken)

    async def succeed(self, session: AsyncSession, mail_hash: bytes, *, now: datetime) -> None:
        """Settle a guess that was right: earlier failures are forgotten."""
        record = await self._lock(session, mail_hash, now=now)
        await self._store(session, mail_hash, _settled(record)._replace(failed_at=()))

    async def fail(self, session: AsyncSession, mail_hash: bytes, *, now: datetime) -> bool:
        """Settle a guess that was wrong; return whether that locked the address."""
        record = self._current(await self._lock(session, mail_hash, now=now), now=now)
        settled = _settled(record)._replace(failed_at=(*record.failed_at, now))
        locked = len(settled.failed_at) >= self._limit
        if locked:
            # The lock is the whole penalty: after it, counting begins anew.
            settled = settled._replace(failed_at=(), locked_until=now + self._duration)
        await self._store(session, mail_hash, settled)
        return locked

    async def give_back(self, session: AsyncSession, mail_hash: bytes, *, now: datetime) -> None:
        """Settle a guess that nobody looked at."""
        await self._store(
            session, mail_hash, _settled(await self._lock(session, mail_hash, now=now))
        )

    def _current(self, record: _Record, *, now: datetime) -> _Record:
        """Leave out what time has settled."""
        abandoned = record.pending_at is None or record.pending_at <= now - ABANDONED
        locked = record.locked_until is not None and record.locked_until > now
        return record._replace(
            failed_at=tuple(at for at in record.failed_at if at > now - self._window),
            pending=0 if abandoned else record.pending,
            locked_until=record.locked_until if locked else None,
        )

    async def _lock(self, session: AsyncSession, mail_hash: bytes, *, now: datetime) -> _Record:
        table = self._table
        fresh = insert(table).values(mail_hash=mail_hash, failed_at=[], expires_at=now)
        # An update that changes nothing, because it locks and reads the row in one round trip.
        statement = fresh.on_conflict_do_update(
            index_elements=[table.c.mail_hash], set_={"mail_hash": fresh.excluded.mail_hash}
        ).returning(table.c.failed_at, table.c.pending, table.c.pending_at, table.c.locked_until)
        return _Record(*(await session.execute(statement)).one())

    async def _store(self, session: AsyncSession, mail_hash: bytes, record: _Record) -> None:
        here = self._table.c.mail_hash == mail_hash
        if not record.failed_at and not record.pending and not record.locked_until:
            await session.execute(self._table.delete().where(here))
            return
        values: dict[str, Any] = record._asdict()
        values["failed_at"] = list(record.failed_at)
        values["expires_at"] = self._forgotten_at(record)
        await session.execute(self._table.update().where(here).values(**values))

    def _forgotten_at(self, record: _Record) -> datetime:
        ends = [at + self._window for at in record.failed_at]
        if record.pending_at:
            ends.append(record.pending_at + ABANDONED)
        if record.locked_until:
            ends.append(record.locked_until)
        return max(ends)


def _settled(record: _Record) -> _Record:
    return record._replace(pending=max(0, record.pending - 1))
