"""The path of figures."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from acidkit.errors import InvalidInput, Unavailable, problem_responses
from orders_fixed.figures.errors import ProductNotFound
from orders_fixed.figures.schemas import Figures
from orders_fixed.figures.service import FiguresService
from orders_fixed.identifiers import RowId

router = APIRouter(tags=["products"], responses=problem_responses(InvalidInput, Unavailable))


def _service(request: Request) -> FiguresService:
    service: FiguresService = request.app.state.figures
    return service


@router.get(
    "/products/{product_id}/stats",
    operation_id="product_stats",
    responses=problem_responses(ProductNotFound),
)
async def product_stats(
    service: Annotated[FiguresService, Depends(_service)], product_id: RowId
) -> Figures:
    """Show what was sold of a product."""
    return await service.of(product_id)
