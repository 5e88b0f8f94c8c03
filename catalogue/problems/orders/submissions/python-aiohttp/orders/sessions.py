"""Sessions and their tokens: random, known to the database by their digests only.

Every refresh gives a new pair whose parent is the token shown. Until one token of such a pair is shown itself,
the parent may come again: its answer may be lost, or two tabs may have asked at once. After that, whoever shows
the parent has stolen it, or was stolen from, and the session ends.
"""

import hashlib
import re
import secrets
from dataclasses import dataclass
from typing import Any

import asyncpg

from orders.database import Database
from orders.errors import unauthenticated

SESSION_DAYS = 30
TOKEN = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)

STORE = """
INSERT INTO token_pairs (refresh, access, session_id, parent, access_until)
VALUES ($1, $2, $3, $4, clock_timestamp() + make_interval(secs => $5))
"""

# The row of the session is locked, so that refreshes of one session follow each other.
SHOWN = """
SELECT session.id FROM token_pairs AS pair JOIN sessions AS session ON session.id = pair.session_id
WHERE pair.refresh = $1 AND session.ended_at IS NULL AND session.expires_at > now()
FOR UPDATE OF session
"""

BEARER = """
SELECT session.user_id, pair.in_use
FROM token_pairs AS pair JOIN sessions AS session ON session.id = pair.session_id
WHERE pair.access = $1 AND pair.access_until > clock_timestamp()
  AND session.ended_at IS NULL AND session.expires_at > now()
"""


@dataclass(frozen=True)
class Sessions:
    """Opens, continues and ends sessions; `life` is that of an access token in seconds."""

    database: Database
    life: int

    async def open(self, connection: asyncpg.Connection, user: int) -> dict[str, Any]:
        """The first pair of a new session, in the caller's transaction."""
        session = await connection.fetchval(
            "INSERT INTO sessions (user_id, expires_at) VALUES ($1, now() + make_interval(days => $2)) RETURNING id",
            user,
            SESSION_DAYS,
        )
        return await self._pair(connection, session, None)

    async def refresh(self, token: str) -> dict[str, Any]:
        """A new pair for a refresh token.

        Raises:
            Refusal: the token is none, or has been replaced; then its session has ended as well.
        """
        shown = _digest(token)

        async def exchange(connection: asyncpg.Connection) -> dict[str, Any] | None:
            session = await connection.fetchval(SHOWN, shown)
            if session is None:
                return None
            if await connection.fetchval("SELECT true FROM token_pairs WHERE parent = $1 AND in_use LIMIT 1", shown):
                await connection.execute("UPDATE sessions SET ended_at = now() WHERE id = $1", session)
                return None
            await connection.execute("UPDATE token_pairs SET in_use = true WHERE refresh = $1 AND NOT in_use", shown)
            return await self._pair(connection, session, shown)

        # The end of a session is committed although the answer is an error.
        pair = await self.database.transaction(exchange)
        if pair is None:
            raise unauthenticated("The refresh token is not valid (any more).")
        return pair

    async def end(self, token: str) -> None:
        """End the session of a refresh token, also when it has ended before."""
        known = await self.database.rows(
            """UPDATE sessions SET ended_at = coalesce(ended_at, now())
               WHERE id = (SELECT session_id FROM token_pairs WHERE refresh = $1) RETURNING id""",
            _digest(token),
        )
        if not known:
            raise unauthenticated("The refresh token is not valid (any more).")

    async def end_all(self, user: int) -> None:
        await self.database.rows(
            "UPDATE sessions SET ended_at = now() WHERE user_id = $1 AND ended_at IS NULL", user
        )

    async def bearer(self, authorization: str | None) -> int:
        """The user whose access token stands in the header."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer":
            raise unauthenticated("Send a bearer token.")
        access = _digest(token)
        found = await self.database.rows(BEARER, access)
        if not found:
            raise unauthenticated("The access token is not valid (any more).")
        if not found[0]["in_use"]:
            await self.database.rows("UPDATE token_pairs SET in_use = true WHERE access = $1", access)
        return found[0]["user_id"]

    async def _pair(self, connection: asyncpg.Connection, session: Any, parent: bytes | None) -> dict[str, Any]:
        access, refresh = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        await connection.execute(STORE, _digest(refresh), _digest(access), session, parent, float(self.life))
        return {
            "access_token": access,
            "token_type": "bearer",
            "expires_in": self.life,
            "refresh_token": refresh,
        }


def _digest(token: str) -> bytes:
    if not TOKEN.fullmatch(token):
        raise unauthenticated("This is no token of this service.")
    return hashlib.sha256(token.encode()).digest()
