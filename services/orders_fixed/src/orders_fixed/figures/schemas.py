"""Figures as JSON, as the old service wrote them."""

import datetime as dt

from pydantic import BaseModel


class Day(BaseModel):
    """What was sold on one day, UTC."""

    day: dt.date
    units: int
    revenue_cents: int


class Figures(BaseModel):
    """What was sold of a product in paid orders."""

    product_id: int
    name: str
    orders: int
    units: int
    revenue_cents: int
    average_price_cents: int | None
    last_sold_at: dt.datetime | None
    days: list[Day]
