"""The path of the payment provider."""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from acidkit.errors import PayloadTooLarge, Unavailable, problem_responses
from acidkit.webhooks import WebhookForbidden, WebhookReceiver, WebhookUnauthorized
from orders_fixed.payments.events import Outcome, PaymentRepository, read_event

router = APIRouter(
    tags=["payments"],
    responses=problem_responses(
        WebhookUnauthorized, WebhookForbidden, PayloadTooLarge, Unavailable
    ),
)


@router.post("/webhooks/payment", operation_id="payment_event", status_code=HTTPStatus.NO_CONTENT)
async def payment_event(request: Request) -> Response:
    """Take note of a payment; signed as Standard Webhooks 1.0 says."""
    receiver: WebhookReceiver = request.app.state.receiver
    # The body is read as it was sent; parsing comes after its signature is known to be right.
    async with receiver.accept(request) as delivery:
        repository = PaymentRepository(delivery.unit.session)
        outcome: Outcome = "duplicate" if delivery.repeated else "accepted"
        await repository.record(delivery.message.id, outcome=outcome)
        event = None if delivery.repeated else read_event(delivery.message.body)
        if event:
            await repository.apply(event)
    return Response(status_code=HTTPStatus.NO_CONTENT)
