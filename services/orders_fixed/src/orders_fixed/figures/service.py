"""Figures of a product, from the cache where it can, computed once for all instances where not."""

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from acidkit.cache import CacheAside
from acidkit.db import Database
from orders_fixed.figures.errors import ProductNotFound
from orders_fixed.figures.repository import SalesRepository
from orders_fixed.figures.schemas import Day, Figures


class FiguresCodec:
    """Figures as JSON in the cache; anything else found there is not figures."""

    def encode(self, value: Figures) -> bytes:
        """Return the figures as JSON."""
        return value.model_dump_json().encode()

    def decode(self, raw: bytes) -> Figures:
        """Return the figures; raises ValueError for anything that is not."""
        try:
            return Figures.model_validate_json(raw)
        except ValidationError as error:
            raise ValueError("not figures") from error


class FiguresService:
    """Knows what was sold, up to a minute late."""

    def __init__(self, database: Database, *, kept: CacheAside[Figures]) -> None:
        self._database = database
        self._kept = kept

    async def of(self, product_id: int) -> Figures:
        """Return the figures of a product.

        The key is the product alone: what a client adds to the address must not make entries.

        Raises:
            ProductNotFound: there is no such product; that is not kept, nor is any other error.
        """
        return await self._kept.fetch(str(product_id), lambda: self._compute(product_id))

    async def _compute(self, product_id: int) -> Figures:
        async def ask(session: AsyncSession) -> Figures | None:
            repository = SalesRepository(session)
            name = await repository.name(product_id)
            if name is None:
                return None
            days = await repository.days(product_id)
            units = sum(day.units for day in days)
            revenue = sum(day.revenue_cents for day in days)
            return Figures(
                product_id=product_id,
                name=name,
                orders=sum(day.orders for day in days),
                units=units,
                revenue_cents=revenue,
                average_price_cents=revenue // units if units else None,
                last_sold_at=max((day.last for day in days), default=None),
                days=[
                    Day(day=day.day, units=day.units, revenue_cents=day.revenue_cents)
                    for day in days
                ],
            )

        found = await self._database.read(ask)
        if found is None:
            raise ProductNotFound
        return found
