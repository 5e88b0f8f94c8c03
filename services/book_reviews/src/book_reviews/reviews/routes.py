"""Paths, statuses and headers of reviews."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from acidkit.db import UnitOfWorkDep
from acidkit.errors import (
    BadCursor,
    InvalidInput,
    MalformedBody,
    PayloadTooLarge,
    Unavailable,
    UnsupportedMediaType,
    problem_responses,
)
from acidkit.web import StrictRoute, link_to_next, page_limit
from book_reviews.reviews.errors import BookNotFound
from book_reviews.reviews.schemas import NewReview, ReviewOut, ReviewPage
from book_reviews.reviews.service import ReviewService
from book_reviews.text import BookId

DEFAULT_LIMIT = 100
LARGEST_LIMIT = 200

router = APIRouter(
    tags=["reviews"],
    route_class=StrictRoute,
    responses=problem_responses(BookNotFound, InvalidInput, Unavailable),
)


async def _service(request: Request) -> ReviewService:
    # A coroutine although it awaits nothing: the framework gives plain functions to a thread.
    service: ReviewService = request.app.state.reviews
    return service


ReviewServiceDep = Annotated[ReviewService, Depends(_service)]


@router.get(
    "/books/{book_id}/reviews", operation_id="list_reviews", responses=problem_responses(BadCursor)
)
async def list_reviews(
    service: ReviewServiceDep,
    response: Response,
    book_id: BookId,
    limit: Annotated[int, Query(ge=1, description="Larger wishes get 200.")] = DEFAULT_LIMIT,
    cursor: Annotated[str | None, Query(max_length=64)] = None,
) -> ReviewPage:
    """List the reviews of a book, newest first."""
    size = page_limit(limit, largest=LARGEST_LIMIT)
    page = await service.page(book_id, limit=size, cursor=cursor)
    if page.next_cursor:
        path = f"/books/{book_id}/reviews"
        response.headers["Link"] = link_to_next(path, limit=size, cursor=page.next_cursor)
    return page


@router.post(
    "/books/{book_id}/reviews",
    operation_id="create_review",
    status_code=HTTPStatus.CREATED,
    responses=problem_responses(MalformedBody, PayloadTooLarge, UnsupportedMediaType),
)
async def create_review(
    service: ReviewServiceDep, unit: UnitOfWorkDep, book_id: BookId, new: NewReview
) -> ReviewOut:
    """Add a review to a book."""
    return await service.add(unit, book_id, new)
