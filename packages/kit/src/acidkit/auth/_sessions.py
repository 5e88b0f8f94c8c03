"""Sessions: families of refresh tokens, each token used once and answered with its successor.

A client whose answer was lost, or whose tabs refresh together, presents a token that was replaced
a moment ago. Within the grace interval it gets the family's present token; later it can only be a
copy, and the family ends (RFC 9700, section 4.14.2). To answer twice with the same token although
only hashes are stored, a successor is not random but HMAC-SHA256(predecessor, salt): the salt lies
in the database, the predecessor with the client, and neither gives the successor away alone.

Token rows are never updated. When a token was replaced is when its successor was made; which one
is valid is the family's `generation`; so one row lock on the family orders everything.
"""

import base64
import enum
import hashlib
import hmac
import re
import secrets
import uuid
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Row, Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from acidkit.auth._settings import AuthSettings
from acidkit.auth._tables import AuthTables

TOKEN_BYTES = 32
TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
# A session that refreshes more often than any client would; its rows must stay bounded.
LAST_GENERATION = 20_000


class Grant(NamedTuple):
    """A session that may go on, and its present refresh token."""

    user_id: uuid.UUID
    session_id: uuid.UUID
    refresh_token: str

    def __repr__(self) -> str:
        return f"Grant(user_id={self.user_id}, session_id={self.session_id})"


class Refusal(NamedTuple):
    """Why a refresh token is not accepted, and whose it is where that is known."""

    reason: "RefusalReason"
    user_id: uuid.UUID | None = None
    session_id: uuid.UUID | None = None


class RefusalReason(enum.Enum):
    """What is wrong with a refresh token; told to the log, never to the client."""

    UNKNOWN = enum.auto()
    ENDED = enum.auto()
    REUSED = enum.auto()


class Sessions:
    """Starts, continues and ends sessions on the caller's database session; never commits."""

    def __init__(self, settings: AuthSettings, *, tables: AuthTables) -> None:
        self._lifetime = timedelta(seconds=settings.refresh_ttl)
        self._grace = timedelta(seconds=settings.refresh_grace)
        self._reach = settings.refresh_reach
        self._users = tables.users
        self._families = tables.refresh_families
        self._tokens = tables.refresh_tokens

    async def start(self, session: AsyncSession, user_id: uuid.UUID, *, now: datetime) -> Grant:
        """Begin a session; its end is fixed now and refreshing does not move it."""
        grant = Grant(user_id, uuid.uuid4(), _encode(secrets.token_bytes(TOKEN_BYTES)))
        await session.execute(
            self._families.insert().values(
                id=grant.session_id,
                user_id=user_id,
                generation=0,
                created_at=now,
                expires_at=now + self._lifetime,
            )
        )
        await self._keep(session, grant, generation=0, salt=b"", now=now)
        return grant

    async def rotate(self, session: AsyncSession, token: str, *, now: datetime) -> Grant | Refusal:
        """Replace `token`, or answer with what it was replaced by.

        A refusal is returned, not raised: it may have ended the family, and that must be committed.
        """
        found = await self._find(session, token)
        if found is None:
            return Refusal(RefusalReason.UNKNOWN)
        whose = (found.user_id, found.family_id)
        if found.revoked_at or found.disabled_at or found.expires_at <= now:
            return Refusal(RefusalReason.ENDED, *whose)
        if found.generation < found.current:
            return await self._again(session, token, found, now=now)
        if found.current >= LAST_GENERATION:
            return Refusal(RefusalReason.ENDED, *whose)
        salt = secrets.token_bytes(TOKEN_BYTES)
        grant = Grant(*whose, successor(token, salt))
        await session.execute(
            self._families.update()
            .where(self._families.c.id == grant.session_id)
            .values(generation=found.current + 1)
        )
        await self._keep(session, grant, generation=found.current + 1, salt=salt, now=now)
        return grant

    async def end(self, session: AsyncSession, session_id: uuid.UUID, *, now: datetime) -> None:
        """End one session."""
        await session.execute(self._ending(now).where(self._families.c.id == session_id))

    async def end_all(self, session: AsyncSession, user_id: uuid.UUID, *, now: datetime) -> None:
        """End every session of a user."""
        await session.execute(self._ending(now).where(self._families.c.user_id == user_id))

    async def owner(self, session: AsyncSession, token: str) -> tuple[uuid.UUID, uuid.UUID] | None:
        """Return user and session of any token that was ever given out in a session, or None."""
        found = await self._find(session, token)
        return (found.user_id, found.family_id) if found else None

    async def is_live(self, session: AsyncSession, session_id: uuid.UUID, *, now: datetime) -> bool:
        """Return whether a session goes on and its user may still do things."""
        families, users = self._families, self._users
        query = (
            select(families.c.id)
            .join(users, users.c.id == families.c.user_id)
            .where(
                families.c.id == session_id,
                families.c.revoked_at.is_(None),
                families.c.expires_at > now,
                users.c.disabled_at.is_(None),
            )
        )
        return await session.scalar(query) is not None

    async def _again(
        self, session: AsyncSession, token: str, found: Row[Any], *, now: datetime
    ) -> Grant | Refusal:
        tokens = self._tokens
        query = (
            select(tokens.c.salt, tokens.c.created_at)
            .where(tokens.c.family_id == found.family_id, tokens.c.generation > found.generation)
            .order_by(tokens.c.generation)
            .limit(self._reach + 1)
        )
        later = (await session.execute(query)).all()
        if now - later[0].created_at > self._grace or len(later) > self._reach:
            await self.end(session, found.family_id, now=now)
            return Refusal(RefusalReason.REUSED, found.user_id, found.family_id)
        for step in later:
            token = successor(token, step.salt)
        return Grant(found.user_id, found.family_id, token)

    async def _find(self, session: AsyncSession, token: str) -> Row[Any] | None:
        if not TOKEN.fullmatch(token):
            return None
        found: Row[Any] | None = (
            await session.execute(self._locking(_digest(token)))
        ).one_or_none()
        return found

    def _locking(self, digest: bytes) -> Select[Any]:
        users, families, tokens = self._users, self._families, self._tokens
        return (
            select(
                tokens.c.generation,
                tokens.c.family_id,
                families.c.user_id,
                families.c.generation.label("current"),
                families.c.expires_at,
                families.c.revoked_at,
                users.c.disabled_at,
            )
            .join(families, families.c.id == tokens.c.family_id)
            .join(users, users.c.id == families.c.user_id)
            .where(tokens.c.token_hash == digest)
            # After a wait the locked row alone is read anew; all that changes is in it.
            .with_for_update(of=families)
        )

    def _ending(self, now: datetime) -> Any:
        families = self._families
        return families.update().where(families.c.revoked_at.is_(None)).values(revoked_at=now)

    async def _keep(
        self, session: AsyncSession, grant: Grant, *, generation: int, salt: bytes, now: datetime
    ) -> None:
        await session.execute(
            self._tokens.insert().values(
                token_hash=_digest(grant.refresh_token),
                family_id=grant.session_id,
                generation=generation,
                salt=salt,
                created_at=now,
            )
        )


def successor(token: str, salt: bytes) -> str:
    """Return the refresh token that replaces `token` under `salt`."""
    return _encode(hmac.digest(token.encode("ascii"), salt, hashlib.sha256))


def _digest(token: str) -> bytes:
    # 256 random bits need no slow hash: there is nothing to guess.
    return hashlib.sha256(token.encode("ascii")).digest()


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
