"""The tables, as SQLAlchemy sees them; the rules that keep data whole are in them."""

import uuid
from datetime import datetime

from sqlalchemy import (
    CHAR,
    CheckConstraint,
    DateTime,
    Enum,
    ForeignKey,
    Index,
    MetaData,
    func,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from acidkit.auth import declare_tables
from acidkit.idempotency import idempotency_table

NAMES = {
    "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "ck": "%(table_name)s_%(constraint_name)s_check",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "pk": "%(table_name)s_pkey",
}
STATUSES = ("pending", "paid", "cancelled")


class Table(DeclarativeBase):
    """What the tables share: names of constraints that code may rely on."""

    metadata = MetaData(naming_convention=NAMES)


AUTH = declare_tables(Table.metadata)
KEYS = idempotency_table(Table.metadata)


class Order(Table):
    """What somebody ordered, for how much, and what became of it."""

    __tablename__ = "orders"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="RESTRICT"))
    total_cents: Mapped[int]
    currency: Mapped[str] = mapped_column(CHAR(3))
    status: Mapped[str] = mapped_column(
        Enum(*STATUSES, name="order_status"), server_default=text("'pending'")
    )
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    version: Mapped[int] = mapped_column(server_default=text("1"))

    __table_args__ = (
        CheckConstraint("total_cents >= 0", name="total_cents"),
        CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency"),
        CheckConstraint("version > 0", name="version"),
    )


# Newest first with a tie-breaker: rows of one moment must neither be skipped nor repeated.
Index("orders_newest_idx", Order.user_id, Order.created_at.desc(), Order.id.desc())
Index("orders_status_idx", Order.status)
