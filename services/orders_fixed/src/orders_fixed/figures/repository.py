"""SQL about what was sold."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, text

from acidkit.db import Repository

# count(DISTINCT …): an order may hold a product on two lines.
DAYS = text("""
    SELECT CAST(o.created_at AT TIME ZONE 'UTC' AS date) AS day, count(DISTINCT o.id) AS orders,
           sum(i.quantity) AS units, sum(i.quantity * i.unit_price_cents) AS revenue_cents,
           max(o.created_at) AS last
    FROM order_items AS i JOIN orders AS o ON o.id = i.order_id
    WHERE i.product_id = :product AND o.status = 'paid'
    GROUP BY day ORDER BY day
""")
NAME = text("SELECT name FROM products WHERE id = :product")


class SalesRepository(Repository):
    """Sums up what was sold."""

    async def name(self, product_id: int) -> str | None:
        """Return a product's name, or None where there is no such product."""
        return (await self._session.execute(NAME, {"product": product_id})).scalar_one_or_none()

    async def days(self, product_id: int) -> Sequence[Row[Any]]:
        """Return the days with sales of a product in paid orders, in order."""
        return (await self._session.execute(DAYS, {"product": product_id})).all()
