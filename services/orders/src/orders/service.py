"""What the business says about orders: whose they are, when they may change, and never twice."""

from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import asyncpg

from acidkit.auth import InvalidToken
from acidkit.db import Database, DirectUnit
from acidkit.idempotency import Idempotency, Reply, Ticket
from acidkit.web import Precondition, UuidCursor, UuidCursorCodec, cut, etag_of
from orders.errors import OrderNotFound, OrderSettled
from orders.repository import ADD, Order, OrderRepository
from orders.schemas import NewOrder, OrderOut


class Page(NamedTuple):
    """Orders of one user, newest first, and the cursors that lead to those beside them."""

    orders: list[Order]
    older: str | None
    newer: str | None


class OrderService:
    """Adds, finds, lists and changes the orders of one user at a time."""

    def __init__(self, database: Database, *, keys: Idempotency, cursor_key: bytes) -> None:
        self._database = database
        self._keys = keys
        self._cursor_key = cursor_key

    async def add(self, user_id: UUID, new: NewOrder, *, ticket: Ticket) -> Reply:
        """Store an order, or return the answer that its key was given before.

        Raises:
            KeyReused: the key was used for another order.
            KeyInProgress: the first request with this key is at work.
            InvalidToken: the user has gone.
        """
        order = Order(
            id=uuid4(),
            user_id=user_id,
            total_cents=new.total_cents,
            currency=new.currency,
            status="pending",
            created_at=datetime.now(UTC),
            version=1,
        )
        headers = {"Location": f"/orders/{order.id}", "ETag": etag_of(order.version)}
        reply = Reply.of(shown(order), status=HTTPStatus.CREATED, headers=headers)
        row = (order.id, user_id, order.total_cents, order.currency, order.created_at)
        try:
            return await self._keys.perform_statement(ticket, reply, ADD, *row)
        except asyncpg.ForeignKeyViolationError as error:
            raise InvalidToken from error

    async def find(self, user_id: UUID, order_id: UUID) -> Order:
        """Return an order of a user.

        Raises:
            OrderNotFound: there is none, or it is somebody else's.
        """

        async def question(connection: asyncpg.Connection) -> Order | None:
            return await OrderRepository(connection).find(order_id, user_id=user_id)

        order = await self._database.direct(question)
        if order is None:
            raise OrderNotFound
        return order

    async def page(self, user_id: UUID, *, limit: int, cursor: str | None) -> Page:
        """Return a page of a user's orders.

        Raises:
            BadCursor: the cursor is not one of this user's list.
        """
        cursors = UuidCursorCodec("orders", key=self._cursor_key, bound_to=[str(user_id)])
        at = cursors.decode(cursor) if cursor else None

        async def question(connection: asyncpg.Connection) -> list[Order]:
            # One more than asked for tells whether there is another page.
            return await OrderRepository(connection).beside(user_id, limit=limit + 1, at=at)

        found = cut(await self._database.direct(question), limit=limit, at=at)

        def edge(order: Order, *, newer: bool) -> str:
            return cursors.encode(UuidCursor(order.created_at, order.id, newer=newer))

        return Page(
            orders=found.rows,
            older=edge(found.rows[-1], newer=False) if found.older and found.rows else None,
            newer=edge(found.rows[0], newer=True) if found.newer and found.rows else None,
        )

    async def change(
        self,
        user_id: UUID,
        order_id: UUID,
        *,
        changes: Mapping[str, Any],
        condition: Precondition,
    ) -> Order:
        """Change an order of a user and return it as it is then.

        Raises:
            OrderNotFound: there is none, or it is somebody else's.
            PreconditionFailed: it is not the version that the client has seen.
            OrderSettled: it is not pending any more.
        """

        async def apply(unit: DirectUnit) -> Order:
            repository = OrderRepository(unit.connection)
            order = await repository.lock(order_id, user_id=user_id)
            if order is None:
                raise OrderNotFound
            condition.check(etag_of(order.version))
            after = changed(order, changes)
            if after != order:
                await repository.change(after)
            return after

        return await self._database.transact_direct(apply)


def changed(order: Order, values: Mapping[str, Any]) -> Order:
    """Return an order with other values; the same ones are no change.

    Raises:
        OrderSettled: it was paid or cancelled, and that is final.
    """
    after = order._replace(**values)
    if after == order:
        return order
    if order.status != "pending":
        raise OrderSettled(f"This order is {order.status}; only a pending order can be changed.")
    return after._replace(version=order.version + 1)


def shown(order: Order) -> OrderOut:
    """Return a stored order as its owner sees it."""
    return OrderOut.model_construct(
        id=order.id,
        user_id=order.user_id,
        total_cents=order.total_cents,
        currency=order.currency,
        status=order.status,
        created_at=order.created_at,
    )
