"""Registering and logging in."""

from dataclasses import dataclass
from typing import Any

import asyncpg

from orders.database import Database
from orders.errors import Refusal, conflict, unauthenticated
from orders.guard import Guard
from orders.passwords import Passwords
from orders.sessions import Sessions


@dataclass(frozen=True)
class Accounts:
    """Who may come in."""

    database: Database
    passwords: Passwords
    guard: Guard
    sessions: Sessions

    async def register(self, email: str, password: str) -> dict[str, Any]:
        """Store a user; the address is kept in lower case."""
        # Nobody hashes a password in vain; of two at the same moment the insert decides.
        if await self.database.rows("SELECT FROM users WHERE email = $1", email.lower()):
            raise _taken()
        hashed = await self.passwords.hash(password)
        try:
            [user] = await self.database.rows(
                "INSERT INTO users (email, password_hash) VALUES ($1, $2) RETURNING id, email, created_at",
                email.lower(),
                hashed,
                repeat=False,
            )
        except asyncpg.UniqueViolationError:
            raise _taken() from None
        return {**user, "created_at": user["created_at"].isoformat()}

    async def log_in(self, email: str, password: str) -> dict[str, Any]:
        """The tokens of a new session."""
        account = email.lower()
        async with self.guard.one_try(account) as attempt:
            found = await self.database.rows("SELECT id, password_hash FROM users WHERE email = $1", account)
            if await self.passwords.fits(password, found[0]["password_hash"] if found else None):

                async def enter(connection: asyncpg.Connection) -> dict[str, Any]:
                    await attempt.was_right(connection)
                    return await self.sessions.open(connection, found[0]["id"])

                return await self.database.transaction(enter)
        raise unauthenticated("The e-mail address or the password is wrong.")


def _taken() -> Refusal:
    return conflict("taken", "This e-mail address is taken.")
