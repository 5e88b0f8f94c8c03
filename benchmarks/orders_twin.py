"""The orders service with one thing different: `POST /orders` is written with the ORM.

Everything around it is the same, so that the ratio of the two is the price of the ORM alone. Beside
it `POST /plain/orders` is the same endpoint as manuals write it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from uuid import UUID, uuid4

from benchmarks.orders_kept import Kept, kept
from benchmarks.orders_plain import router as plain
from fastapi import FastAPI

from acidkit import ServerSettings, serve
from acidkit.db import Database
from acidkit.idempotency import KeyReused, Reply, Ticket
from orders.app import build
from orders.schemas import NewOrder, OrderOut
from orders.service import OrderService
from orders.settings import Settings
from orders.tables import Order


class OrmOrderService(OrderService):
    """Looks for the key, adds the order, adds the key, commits."""

    def __init__(self, database: Database) -> None:
        self._orm = database

    async def add(self, user_id: UUID, new: NewOrder, *, ticket: Ticket) -> Reply:
        """Store an order, or return the answer that its key was given before."""
        async with self._orm.unit_of_work() as unit:
            found = await unit.session.get(Kept, (ticket.owner, ticket.operation, ticket.key))
            if found:
                if found.fingerprint != ticket.fingerprint:
                    raise KeyReused
                return Reply(HTTPStatus.CREATED, found.body, replayed=True)
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
            unit.session.add(kept(ticket, reply, order.created_at))
        return reply


def twin(settings: Settings) -> FastAPI:
    """Return the service with its plain part in place."""
    app = build(settings)
    app.include_router(plain)
    inner = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with inner(app):
            app.state.orders = OrmOrderService(app.state.database)
            yield

    app.router.lifespan_context = lifespan
    return app


def main() -> None:
    """Serve until told to stop."""
    settings = Settings()
    serve(twin(settings), ServerSettings(host=settings.host, port=settings.port))


if __name__ == "__main__":
    main()
