"""Orders as JSON."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from acidkit.web import Patch
from orders.currencies import CURRENCIES

LARGEST_TOTAL = 2**31 - 1


def _known(code: str) -> str:
    if code not in CURRENCIES:
        raise ValueError("must be the code of a currency of ISO 4217, in capital letters")
    return code


Cents = Annotated[int, Field(ge=0, le=LARGEST_TOTAL, examples=[1999])]
Currency = Annotated[
    str,
    Field(min_length=3, max_length=3, pattern="^[A-Z]{3}$", examples=["EUR"]),
    AfterValidator(_known),
]
Status = Literal["pending", "paid", "cancelled"]


class NewOrder(BaseModel):
    """An order to add."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    total_cents: Cents
    currency: Currency


class OrderPatch(Patch):
    """What to change of an order; a field that is absent stays as it is."""

    total_cents: Cents | None = None
    currency: Currency | None = None
    status: Status | None = None


class OrderOut(BaseModel):
    """An order as it is stored."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    user_id: UUID
    total_cents: int
    currency: str
    status: Status
    created_at: datetime


class OrderPage(BaseModel):
    """Orders of one user, newest first, and the way to older ones."""

    items: list[OrderOut]
    next_cursor: str | None = Field(description="Give it back as `cursor`; null on the last page.")
