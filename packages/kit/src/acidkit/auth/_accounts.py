"""SQL about users."""

import uuid
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Table, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from acidkit.auth._errors import EmailTaken


class Account(NamedTuple):
    """A user as it is stored; printing it does not show the hash."""

    id: uuid.UUID
    email: str
    created_at: datetime
    disabled_at: datetime | None
    password_hash: str

    def __repr__(self) -> str:
        return f"Account(id={self.id})"


class Accounts:
    """Stores and finds users on the caller's session; never commits."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._all = tuple(table.c[name] for name in Account._fields)

    async def add(
        self, session: AsyncSession, email: str, *, password_hash: str, now: datetime
    ) -> Account:
        """Store a new user; the unique constraint decides, so two at once cannot both win.

        Raises:
            EmailTaken: the address belongs to somebody.
        """
        statement = (
            insert(self._table)
            .values(id=uuid.uuid4(), email=email, password_hash=password_hash, created_at=now)
            .on_conflict_do_nothing(constraint="users_email_key")
            .returning(*self._all)
        )
        made = (await session.execute(statement)).one_or_none()
        if made is None:
            raise EmailTaken
        return Account(*made)

    async def by_mail(self, session: AsyncSession, email: str) -> Account | None:
        """Return the user with this address."""
        query = select(*self._all).where(self._table.c.email == email)
        found = (await session.execute(query)).one_or_none()
        return Account(*found) if found else None

    async def by_id(self, session: AsyncSession, user_id: uuid.UUID) -> Account | None:
        """Return the user with this id."""
        query = select(*self._all).where(self._table.c.id == user_id)
        found = (await session.execute(query)).one_or_none()
        return Account(*found) if found else None

    async def hold(self, session: AsyncSession, account: Account) -> bool:
        """Lock a user; return whether it is still as `account` says and may log in.

        Without this a login with the old password could outlive the change that ended all sessions.
        """
        query = (
            select(self._table.c.id)
            .where(
                self._table.c.id == account.id,
                self._table.c.password_hash == account.password_hash,
                self._table.c.disabled_at.is_(None),
            )
            # Foreign keys that point at the user need not wait for us.
            .with_for_update(key_share=True)
        )
        return await session.scalar(query) is not None

    async def set_password(
        self, session: AsyncSession, user_id: uuid.UUID, password_hash: str
    ) -> None:
        """Store another hash for a user."""
        await session.execute(
            self._table.update()
            .where(self._table.c.id == user_id)
            .values(password_hash=password_hash)
        )

    async def disable(self, session: AsyncSession, user_id: uuid.UUID, *, now: datetime) -> None:
        """Keep a user from logging in."""
        await session.execute(
            self._table.update()
            .where(self._table.c.id == user_id, self._table.c.disabled_at.is_(None))
            .values(disabled_at=now)
        )
