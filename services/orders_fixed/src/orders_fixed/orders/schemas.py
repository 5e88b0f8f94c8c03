"""Orders as JSON, as the old service wrote them."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

Status = Literal["pending", "paid", "cancelled"]


class Item(BaseModel):
    """A line of an order."""

    product_id: int
    product_name: str
    quantity: int
    unit_price_cents: int


class Order(BaseModel):
    """An order without its items."""

    id: int
    user_id: int
    status: Status
    currency: str
    total_cents: int
    created_at: datetime


class OrderWithItems(Order):
    """An order with its items, in the order of their ids."""

    items: list[Item]


class OrderPage(BaseModel):
    """Orders, newest first, and the way to older ones."""

    items: list[OrderWithItems] | list[Order]
    next_cursor: str | None = Field(description="Give it back as `cursor`; null on the last page.")
