"""What may be asked about orders."""

from sqlalchemy.ext.asyncio import AsyncSession

from acidkit.db import Database
from acidkit.web import Cursor, CursorCodec
from orders_fixed.orders.errors import OrderNotFound
from orders_fixed.orders.repository import OrderRepository
from orders_fixed.orders.schemas import Order, OrderPage, OrderWithItems, Status


class OrderService:
    """Finds and lists orders."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, order_id: int) -> OrderWithItems:
        """Return an order with its items.

        Raises:
            OrderNotFound: there is none.
        """

        async def ask(session: AsyncSession) -> OrderWithItems | None:
            repository = OrderRepository(session)
            order = await repository.find(order_id)
            return (await _with_items(repository, [order]))[0] if order else None

        found = await self._database.read(ask)
        if found is None:
            raise OrderNotFound
        return found

    async def page(
        self, *, status: Status | None, items: bool, limit: int, cursor: str | None
    ) -> OrderPage:
        """Return a page of orders, newest first.

        Raises:
            BadCursor: `cursor` is not one of this list under this filter.
        """
        codec = CursorCodec(f"orders:{status or ''}")
        after = codec.decode(cursor) if cursor else None

        async def ask(session: AsyncSession) -> OrderPage:
            repository = OrderRepository(session)
            found = await repository.newest(status=status, limit=limit + 1, after=after)
            page, more = found[:limit], len(found) > limit
            following = codec.encode(Cursor(page[-1].created_at, page[-1].id)) if more else None
            if items:
                return OrderPage(items=await _with_items(repository, page), next_cursor=following)
            return OrderPage(items=page, next_cursor=following)

        return await self._database.read(ask)


async def _with_items(repository: OrderRepository, found: list[Order]) -> list[OrderWithItems]:
    if not found:
        return []
    items = await repository.items_of([order.id for order in found])
    return [OrderWithItems(**order.model_dump(), items=items.get(order.id, [])) for order in found]
