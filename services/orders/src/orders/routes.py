"""Paths, statuses and headers of orders."""

from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from acidkit.auth import InvalidToken, PrincipalDep, Unauthenticated
from acidkit.errors import (
    BadCursor,
    InvalidInput,
    MalformedBody,
    PayloadTooLarge,
    Unavailable,
    UnsupportedMediaType,
    problem_responses,
)
from acidkit.idempotency import (
    IdempotencyKeyDep,
    KeyInProgress,
    KeyMalformed,
    KeyMissing,
    KeyReused,
    ticket_for,
)
from acidkit.web import (
    PreconditionDep,
    PreconditionFailed,
    PreconditionMalformed,
    etag_of,
    fresh_headers,
    is_unchanged,
    not_modified,
    page_limit,
    page_links,
)
from orders.bodies import body_of, documented
from orders.errors import OrderNotFound, OrderSettled
from orders.repository import Order
from orders.schemas import NewOrder, OrderOut, OrderPage, OrderPatch
from orders.service import OrderService, shown

DEFAULT_LIMIT = 20
LARGEST_LIMIT = 100

NOT_MODIFIED: dict[int | str, dict[str, Any]] = {
    304: {"description": "You have this version already."}
}
BAD_BODY = (MalformedBody, PayloadTooLarge, UnsupportedMediaType)

router = APIRouter(
    tags=["orders"],
    responses=problem_responses(Unauthenticated, InvalidToken, InvalidInput, Unavailable),
)


async def _service(request: Request) -> OrderService:
    # A coroutine although it awaits nothing: the framework gives plain functions to a thread.
    service: OrderService = request.app.state.orders
    return service


OrderServiceDep = Annotated[OrderService, Depends(_service)]
OrderId = Annotated[UUID, Path(description="The order's id.")]


@router.post(
    "/orders",
    operation_id="create_order",
    status_code=HTTPStatus.CREATED,
    response_model=OrderOut,
    openapi_extra=documented(NewOrder),
    responses=problem_responses(*BAD_BODY, KeyMissing, KeyMalformed, KeyReused, KeyInProgress),
)
async def create_order(
    request: Request,
    service: OrderServiceDep,
    principal: PrincipalDep,
    key: IdempotencyKeyDep,
) -> Response:
    """Add an order; the same key with the same body gives the same answer and no second order."""
    new = await body_of(request, NewOrder)
    ticket = await ticket_for(request, key, owner=str(principal.user_id))
    reply = await service.add(principal.user_id, new, ticket=ticket)
    return reply.response()


@router.get(
    "/orders",
    operation_id="list_orders",
    response_model=OrderPage,
    responses=problem_responses(BadCursor),
)
async def list_orders(
    service: OrderServiceDep,
    principal: PrincipalDep,
    limit: Annotated[int, Query(ge=1, description="Larger wishes get 100.")] = DEFAULT_LIMIT,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """List your orders, newest first."""
    size = page_limit(limit, largest=LARGEST_LIMIT)
    page = await service.page(principal.user_id, limit=size, cursor=cursor)
    links = page_links(
        "/orders", {"limit": size}, following=page.older, preceding=page.newer, first=bool(cursor)
    )
    body = OrderPage(items=[shown(order) for order in page.orders], next_cursor=page.older)
    return Response(
        body.model_dump_json(),
        media_type="application/json",
        headers={"Link": links} if links else None,
    )


@router.get(
    "/orders/{order_id}",
    operation_id="get_order",
    response_model=OrderOut,
    responses={**problem_responses(OrderNotFound), **NOT_MODIFIED},
)
async def get_order(
    request: Request, service: OrderServiceDep, principal: PrincipalDep, order_id: OrderId
) -> Response:
    """Show one of your orders."""
    order = await service.find(principal.user_id, order_id)
    etag = etag_of(order.version)
    return not_modified(etag) if is_unchanged(request, etag) else _answer(order)


@router.patch(
    "/orders/{order_id}",
    operation_id="change_order",
    response_model=OrderOut,
    openapi_extra=documented(OrderPatch),
    responses=problem_responses(
        *BAD_BODY, PreconditionMalformed, PreconditionFailed, OrderNotFound, OrderSettled
    ),
)
async def change_order(
    request: Request,
    service: OrderServiceDep,
    principal: PrincipalDep,
    order_id: OrderId,
    condition: PreconditionDep,
) -> Response:
    """Change some fields of one of your orders; it is pending until it is paid or cancelled."""
    changes = (await body_of(request, OrderPatch)).changes()
    return _answer(
        await service.change(principal.user_id, order_id, changes=changes, condition=condition)
    )


def _answer(order: Order) -> Response:
    return Response(
        shown(order).model_dump_json(),
        media_type="application/json",
        headers=fresh_headers(etag_of(order.version)),
    )
