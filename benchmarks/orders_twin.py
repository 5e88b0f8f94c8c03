"""The orders service with one thing different: `POST /orders` is written with the ORM, plainly.

Everything around it is the same, so that the ratio of the two is the price of the ORM alone.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from http import HTTPStatus
from uuid import UUID, uuid4

from fastapi import FastAPI
from sqlalchemy.orm import Mapped

from acidkit import ServerSettings, serve
from acidkit.db import Database
from acidkit.idempotency import KeyReused, Reply, Ticket
from orders.app import build
from orders.schemas import NewOrder, OrderOut
from orders.service import OrderService
from orders.settings import Settings
from orders.tables import KEYS, Order, Table


class Kept(Table):
    """A key and its answer, as an ORM sees them."""

    __table__ = KEYS

    fingerprint: Mapped[bytes]
    body: Mapped[bytes]


class PlainOrderService(OrderService):
    """Looks for the key, adds the order, adds the key, commits."""

    def __init__(self, database: Database) -> None:
        self._plain = database

    async def add(self, user_id: UUID, new: NewOrder, *, ticket: Ticket) -> Reply:
        """Store an order, or return the answer that its key was given before."""
        async with self._plain.unit_of_work() as unit:
            kept = await unit.session.get(Kept, (ticket.owner, ticket.operation, ticket.key))
            if kept:
                if kept.fingerprint != ticket.fingerprint:
                    raise KeyReused
                return Reply(HTTPStatus.CREATED, kept.body, replayed=True)
            order = Order(id=uuid4(), user_id=user_id, **new.model_dump())
            unit.session.add(order)
            await unit.session.flush()
            shown = OrderOut(
                id=order.id,
                user_id=order.user_id,
                total_cents=order.total_cents,
                currency=order.currency,
                status="pending",
                created_at=order.created_at,
            )
            reply = Reply.of(shown, headers={"Location": f"/orders/{order.id}"})
            unit.session.add(_kept(ticket, reply, order.created_at))
        return reply


def _kept(ticket: Ticket, reply: Reply, moment: datetime) -> Kept:
    return Kept(
        **ticket._asdict(),
        holder=uuid4(),
        leased_until=moment,
        status=reply.status,
        headers=reply.headers_as_text(),
        body=reply.body,
    )


def twin(settings: Settings) -> FastAPI:
    """Return the service with its plain part in place."""
    app = build(settings)
    inner = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with inner(app):
            app.state.orders = PlainOrderService(app.state.database)
            yield

    app.router.lifespan_context = lifespan
    return app


def main() -> None:
    """Serve until told to stop."""
    settings = Settings()
    serve(twin(settings), ServerSettings(host=settings.host, port=settings.port))


if __name__ == "__main__":
    main()
