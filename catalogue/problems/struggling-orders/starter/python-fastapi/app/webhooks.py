"""What the payment provider tells us."""

import logging
import time

from fastapi import APIRouter, Request

from .cache import in_background
from .database import Session
from .models import Order

router = APIRouter()


@router.post("/webhooks/payment")
async def payment(request: Request):
    event = await request.json()
    order_id = event["data"]["order_id"]
    with Session() as session:
        order = session.get(Order, order_id)
        if event["type"] == "payment.succeeded":
            order.status = "paid"
        elif event["type"] == "payment.refunded":
            order.status = "cancelled"
        session.commit()
    in_background(send_receipt, order_id)
    return {"status": "ok"}


def send_receipt(order_id):
    with Session() as session:
        order = session.get(Order, order_id)
        for item in order.items:
            logging.info("receipt of %s: %s", order_id, item.product.name)
        # The mail server is slow.
        time.sleep(1)
