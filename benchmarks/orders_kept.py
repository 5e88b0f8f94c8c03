"""A kept key and its answer, as an ORM sees them."""

from datetime import datetime
from uuid import uuid4

from sqlalchemy.orm import Mapped

from acidkit.idempotency import Reply, Ticket
from orders.tables import KEYS, Table


class Kept(Table):
    """A row of the table of keys."""

    __table__ = KEYS

    fingerprint: Mapped[bytes]
    body: Mapped[bytes]


def kept(ticket: Ticket, reply: Reply, moment: datetime) -> Kept:
    """Return the row that keeps `reply` for `ticket`."""
    return Kept(
        **ticket._asdict(),
        holder=uuid4(),
        leased_until=moment,
        status=reply.status,
        headers=reply.headers_as_text(),
        body=reply.body,
    )
