"""Payment events: what they say, and what they do to an order."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import insert, update

from acidkit.db import Repository
from orders_fixed.identifiers import LARGEST_ID
from orders_fixed.tables import orders, webhook_deliveries

EFFECTS = {
    "payment.succeeded": ("pending", "paid"),
    "payment.refunded": ("paid", "cancelled"),
}


Outcome = Literal["accepted", "duplicate"]


class _About(BaseModel):
    model_config = ConfigDict(strict=True)

    order_id: int = Field(ge=1, le=LARGEST_ID)


class PaymentEvent(BaseModel):
    """An event that means something to this service."""

    type: Literal["payment.succeeded", "payment.refunded"]
    data: _About


def read_event(body: bytes) -> PaymentEvent | None:
    """Return the event in a body whose signature was verified; None for any other message."""
    try:
        return PaymentEvent.model_validate_json(body)
    except ValidationError:
        return None


class PaymentRepository(Repository):
    """Does what events say, and writes down that they came."""

    async def apply(self, event: PaymentEvent) -> None:
        """Move an order from the one status the event is about to the next; else do nothing."""
        before, after = EFFECTS[event.type]
        await self._session.execute(
            update(orders)
            .where(orders.c.id == event.data.order_id, orders.c.status == before)
            .values(status=after)
        )

    async def record(self, webhook_id: str, *, outcome: Outcome) -> None:
        """Write down what became of a genuine message."""
        await self._session.execute(
            insert(webhook_deliveries).values(webhook_id=webhook_id, outcome=outcome)
        )
