"""Paths and parameters of orders."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request

from acidkit.errors import BadCursor, InvalidInput, Unavailable, problem_responses
from orders_fixed.identifiers import RowId
from orders_fixed.orders.errors import OrderNotFound
from orders_fixed.orders.schemas import OrderPage, OrderWithItems, Status
from orders_fixed.orders.service import OrderService

router = APIRouter(tags=["orders"], responses=problem_responses(InvalidInput, Unavailable))


def _service(request: Request) -> OrderService:
    service: OrderService = request.app.state.orders
    return service


OrderServiceDep = Annotated[OrderService, Depends(_service)]


@router.get("/orders", operation_id="list_orders", responses=problem_responses(BadCursor))
async def list_orders(
    service: OrderServiceDep,
    include: Literal["items"] | None = None,
    status: Status | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Annotated[str | None, Query(max_length=64)] = None,
) -> OrderPage:
    """List orders, newest first."""
    return await service.page(status=status, items=include == "items", limit=limit, cursor=cursor)


@router.get(
    "/orders/{order_id}", operation_id="get_order", responses=problem_responses(OrderNotFound)
)
async def get_order(service: OrderServiceDep, order_id: RowId) -> OrderWithItems:
    """Show one order."""
    return await service.find(order_id)
