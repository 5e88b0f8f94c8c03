"""Sales figures of a product."""

from fastapi import HTTPException
from sqlalchemy import text

from .cache import cached, in_background
from .database import Session
from .models import Product

DAYS = text(
    """
    SELECT CAST(o.created_at AT TIME ZONE 'UTC' AS date) AS day, count(DISTINCT o.id) AS orders,
           sum(i.quantity) AS units, sum(i.quantity * i.unit_price_cents) AS revenue_cents,
           max(o.created_at) AS last
    FROM orders o JOIN order_items i ON i.order_id = o.id
    WHERE i.product_id = :product AND o.status = 'paid'
    GROUP BY day ORDER BY day
    """
)


def compute(product_id):
    with Session() as session:
        product = session.get(Product, product_id)
        if product is None:
            raise HTTPException(404, "No such product.")
        days = session.execute(DAYS, {"product": product_id}).all()
    units = sum(day.units for day in days)
    revenue = sum(day.revenue_cents for day in days)
    return {
        "product_id": product.id,
        "name": product.name,
        "orders": sum(day.orders for day in days),
        "units": units,
        "revenue_cents": revenue,
        "average_price_cents": revenue // units,
        "last_sold_at": max(day.last for day in days),
        "days": [
            {"day": day.day, "units": day.units, "revenue_cents": day.revenue_cents} for day in days
        ],
    }


def stats(url, product_id):
    def compute_and_warm():
        # Whoever looks at one product looks at the next one soon.
        in_background(warm, url.path.rsplit("/", 2)[0], product_id + 1)
        return compute(product_id)

    return cached(str(url), compute_and_warm)


def warm(prefix, product_id):
    path = f"{prefix}/{product_id}/stats"
    cached(path, lambda: compute(product_id))
