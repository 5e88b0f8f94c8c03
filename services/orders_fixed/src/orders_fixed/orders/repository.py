"""SQL about orders."""

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import ARRAY, BigInteger, Row, any_, literal, select, tuple_

from acidkit.db import Repository
from acidkit.web import Cursor
from orders_fixed.orders.schemas import Item, Order, Status
from orders_fixed.tables import order_items, orders, products


class OrderRepository(Repository):
    """Finds orders and their items."""

    async def find(self, order_id: int) -> Order | None:
        """Return an order, or None."""
        row = (await self._session.execute(select(orders).where(orders.c.id == order_id))).first()
        return _order(row) if row else None

    async def newest(
        self, *, status: Status | None, limit: int, after: Cursor | None
    ) -> list[Order]:
        """Return up to `limit` orders, newest first, those after `after` only."""
        query = select(orders).order_by(orders.c.created_at.desc(), orders.c.id.desc()).limit(limit)
        if status:
            query = query.where(orders.c.status == status)
        if after:
            # A position, not a count: the index begins there, however late the page.
            query = query.where(tuple_(orders.c.created_at, orders.c.id) < tuple_(*after))
        return [_order(row) for row in await self._session.execute(query)]

    async def items_of(self, order_ids: Sequence[int]) -> dict[int, list[Item]]:
        """Return the items of all these orders by order, in one statement."""
        query = (
            select(order_items, products.c.name)
            .join(products, products.c.id == order_items.c.product_id)
            # One array, so that pages of every size are one statement to PostgreSQL.
            .where(order_items.c.order_id == any_(literal(list(order_ids), ARRAY(BigInteger))))
            .order_by(order_items.c.id)
        )
        found: dict[int, list[Item]] = defaultdict(list)
        for row in await self._session.execute(query):
            found[row.order_id].append(
                Item(
                    product_id=row.product_id,
                    product_name=row.name,
                    quantity=row.quantity,
                    unit_price_cents=row.unit_price_cents,
                )
            )
        return found


def _order(row: Row[tuple[object, ...]]) -> Order:
    return Order.model_validate(row, from_attributes=True)
