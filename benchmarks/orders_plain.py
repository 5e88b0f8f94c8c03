"""`POST /plain/orders`: the endpoint as the manuals of FastAPI and SQLAlchemy write it.

A body and an answer that the framework validates, a session as a dependency, objects that are
added, committed and read back. Identity, keys, limits and log line are those of the service.
"""

from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Annotated
from uuid import uuid4

from benchmarks.orders_kept import Kept, kept
from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from acidkit.auth import PrincipalDep
from acidkit.db import Database
from acidkit.idempotency import IdempotencyKeyDep, KeyReused, Reply, ticket_for
from orders.schemas import NewOrder, OrderOut
from orders.tables import Order

router = APIRouter(prefix="/plain")


async def _session(request: Request) -> AsyncIterator[AsyncSession]:
    database: Database = request.app.state.database
    async with AsyncSession(database.engine) as session:
        yield session


@router.post("/orders", status_code=HTTPStatus.CREATED, response_model=OrderOut)
async def create_order(
    request: Request,
    response: Response,
    session: Annotated[AsyncSession, Depends(_session)],
    principal: PrincipalDep,
    key: IdempotencyKeyDep,
    new: NewOrder,
) -> object:
    """Add an order, or give the answer that its key was given before."""
    ticket = await ticket_for(request, key, owner=str(principal.user_id))
    found = await session.get(Kept, (ticket.owner, ticket.operation, ticket.key))
    if found:
        if found.fingerprint != ticket.fingerprint:
            raise KeyReused
        return Response(found.body, HTTPStatus.CREATED, media_type="application/json")
    order = Order(id=uuid4(), user_id=principal.user_id, **new.model_dump())
    session.add(order)
    await session.flush()
    await session.refresh(order)
    shown = OrderOut.model_validate(order, from_attributes=True)
    reply = Reply.of(shown, headers={"Location": f"/orders/{order.id}"})
    session.add(kept(ticket, reply, order.created_at))
    await session.commit()
    response.headers["Location"] = f"/orders/{shown.id}"
    return shown
