"""What happened to accounts, kept in the transaction in which it happened, and said in the log."""

import enum
import uuid
from datetime import datetime

import structlog
from sqlalchemy import Table
from sqlalchemy.ext.asyncio import AsyncSession

from acidkit.observe import current_trace


class EventKind(enum.StrEnum):
    """The kinds of events that are kept."""

    REGISTERED = "registered"
    LOGGED_IN = "logged_in"
    ACCOUNT_LOCKED = "account_locked"
    REFRESH_REUSED = "refresh_reused"
    LOGGED_OUT = "logged_out"
    LOGGED_OUT_EVERYWHERE = "logged_out_everywhere"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - an event  # pragma: allowlist secret
    DISABLED = "disabled"


class Events:
    """Writes `auth_events`; never commits."""

    def __init__(self, table: Table) -> None:
        self._table = table

    async def note(
        self,
        session: AsyncSession,
        kind: EventKind,
        *,
        at: datetime,
        user_id: uuid.UUID | None = None,
        session_id: uuid.UUID | None = None,
    ) -> None:
        """Keep that this happened, with the trace id of the request that did it."""
        await session.execute(
            self._table.insert().values(
                at=at,
                kind=kind.value,
                user_id=user_id,
                session_id=session_id,
                trace_id=current_trace().trace_id,
            )
        )
        structlog.get_logger().info(
            "auth_event",
            kind=kind.value,
            user_id=str(user_id) if user_id else None,
            session_id=str(session_id) if session_id else None,
        )
