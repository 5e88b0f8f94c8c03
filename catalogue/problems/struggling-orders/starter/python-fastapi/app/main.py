"""The orders service."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Literal

from fastapi import FastAPI, HTTPException, Query, Request
from sqlalchemy import select

from .database import Session
from .models import Order
from .stats import stats
from .webhooks import router as webhooks

app = FastAPI(title="Orders", version="3.14.0")
app.include_router(webhooks)


@app.get("/healthz")
def health():
    return {"status": "ok"}


def shown(order, *, items):
    found = {
        "id": order.id,
        "user_id": order.user_id,
        "status": order.status,
        "currency": order.currency,
        "total_cents": order.total_cents,
        "created_at": order.created_at,
    }
    if items:
        found["items"] = [
            {
                "product_id": item.product_id,
                "product_name": item.product.name,
                "quantity": item.quantity,
                "unit_price_cents": item.unit_price_cents,
            }
            for item in order.items
        ]
    return found


@app.get("/orders")
def list_orders(
    include: Literal["items"] | None = None,
    status: Literal["pending", "paid", "cancelled"] | None = None,
    limit: int = Query(default=20, ge=1, le=100),
    cursor: str | None = None,
):
    offset = 0
    if cursor:
        try:
            offset = int(urlsafe_b64decode(cursor))
        except ValueError:
            raise HTTPException(400, "Not a cursor.")
    query = select(Order).order_by(Order.created_at.desc(), Order.id.desc())
    if status:
        query = query.where(Order.status == status)
    with Session() as session:
        orders = session.scalars(query.offset(offset).limit(limit + 1)).all()
        following = None
        if len(orders) > limit:
            following = urlsafe_b64encode(str(offset + limit).encode()).decode()
        return {
            "items": [shown(order, items=include == "items") for order in orders[:limit]],
            "next_cursor": following,
        }


@app.get("/orders/{order_id}")
def get_order(order_id: int):
    with Session() as session:
        order = session.get(Order, order_id)
        if order is None:
            raise HTTPException(404, "No such order.")
        return shown(order, items=True)


@app.get("/products/{product_id}/stats")
def product_stats(product_id: int, request: Request):
    return stats(request.url, product_id)
