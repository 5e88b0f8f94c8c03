"""What has been received, so that nothing is taken twice, and what was turned away, for the record.

Both are tables of the service: a receipt is written in the transaction that does the message's
work, so that neither can be without the other.
"""

import enum
from datetime import UTC, datetime
from typing import Protocol

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Index,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.ext.asyncio import AsyncSession

from acidkit.observe import current_trace
from acidkit.webhooks._signature import Rejection, SignedMessage

RECEIPTS = "webhook_receipts"
REJECTIONS = "webhook_rejections"
LONGEST_ID = 255


class Claim(enum.Enum):
    """What is known about a message when it arrives."""

    FRESH = enum.auto()
    REPEATED = enum.auto()
    REPLAYED = enum.auto()


class Receipts(Protocol):
    """Remembers messages, inside the transaction of `session`."""

    async def claim(self, session: AsyncSession, message: SignedMessage) -> Claim:
        """Return whether the message is new, sent again by its sender, or a copy of what we had."""


def webhook_tables(metadata: MetaData) -> tuple[Table, Table]:
    """Add the tables of receipts and of rejections to a service's own, and return them."""
    receipts = Table(
        RECEIPTS,
        metadata,
        Column("source", Text, nullable=False),
        Column("message_id", Text, nullable=False),
        Column("sent_at", DateTime(timezone=True), nullable=False),
        Column("received_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        PrimaryKeyConstraint("source", "message_id", name="pk_webhook_receipts"),
        Index("ix_webhook_receipts_received_at", "received_at"),
    )
    rejections = Table(
        REJECTIONS,
        metadata,
        Column("id", BigInteger, Identity(always=True), nullable=False),
        Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Column("source", Text, nullable=False),
        Column("reason", Text, nullable=False),
        Column("message_id", Text),
        Column("client", Text),
        Column("trace_id", Text, nullable=False),
        PrimaryKeyConstraint("id", name="pk_webhook_rejections"),
        Index("ix_webhook_rejections_at", "at"),
    )
    return receipts, rejections


# One statement decides, also between two copies that arrive at the same moment: the second waits
# for the first one's transaction and then finds its row. A later attempt of the sender bears a
# later timestamp; a copy of an earlier one does not.
CLAIM = text("""
    INSERT INTO webhook_receipts AS known (source, message_id, sent_at)
    VALUES (:source, :message_id, :sent_at)
    ON CONFLICT (source, message_id) DO UPDATE SET sent_at = excluded.sent_at
    WHERE known.sent_at < excluded.sent_at
    RETURNING xmax = 0
""")
FORGET = text("""
    DELETE FROM webhook_receipts WHERE (source, message_id) IN (
        SELECT source, message_id FROM webhook_receipts WHERE received_at < :before
        ORDER BY received_at LIMIT :most FOR UPDATE SKIP LOCKED)
""")
REJECT = text("""
    INSERT INTO webhook_rejections (source, reason, message_id, client, trace_id)
    VALUES (:source, :reason, :message_id, :client, :trace_id)
""")


class PostgresReceipts:
    """Receipts of one source of messages, in the table that `webhook_tables` describes."""

    def __init__(self, source: str) -> None:
        self._source = source

    async def claim(self, session: AsyncSession, message: SignedMessage) -> Claim:
        """Write the receipt, or say what the one that is there means."""
        result = await session.execute(
            CLAIM,
            {
                "source": self._source,
                "message_id": message.id,
                "sent_at": datetime.fromtimestamp(message.sent_at, UTC),
            },
        )
        fresh = result.scalar_one_or_none()
        if fresh is None:
            return Claim.REPLAYED
        return Claim.FRESH if fresh else Claim.REPEATED


async def forget_receipts(session: AsyncSession, *, before: datetime, most: int = 1000) -> None:
    """Remove up to `most` receipts older than `before`.

    Keep them longer than a sender goes on trying (days), never less than twice the tolerance.
    """
    await session.execute(FORGET, {"before": before, "most": most})


async def record_rejection(
    session: AsyncSession,
    reason: Rejection,
    *,
    source: str,
    message_id: str | None,
    client: str | None,
) -> None:
    """Write down that a message was turned away; what it says of itself is clipped."""
    clean = message_id and message_id.encode("ascii", "replace").decode().replace("\0", "?")
    await session.execute(
        REJECT,
        {
            "source": source,
            "reason": reason.value,
            "message_id": clean[:LONGEST_ID] if clean else None,
            "client": client,
            "trace_id": current_trace().trace_id,
        },
    )
