"""Paths, statuses and headers of books."""

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
from book_reviews.books.errors import BookNotFound, IsbnTaken
from book_reviews.books.schemas import BookOut, BookPage, NewBook
from book_reviews.books.service import BookService
from book_reviews.text import BookId

DEFAULT_LIMIT = 100
LARGEST_LIMIT = 200

router = APIRouter(
    tags=["books"],
    route_class=StrictRoute,
    responses=problem_responses(InvalidInput, Unavailable),
)


async def _service(request: Request) -> BookService:
    # A coroutine although it awaits nothing: the framework gives plain functions to a thread.
    service: BookService = request.app.state.books
    return service


BookServiceDep = Annotated[BookService, Depends(_service)]


@router.get("/books", operation_id="list_books", responses=problem_responses(BadCursor))
async def list_books(
    service: BookServiceDep,
    response: Response,
    limit: Annotated[int, Query(ge=1, description="Larger wishes get 200.")] = DEFAULT_LIMIT,
    cursor: Annotated[str | None, Query(max_length=64)] = None,
) -> BookPage:
    """List books, newest first."""
    size = page_limit(limit, largest=LARGEST_LIMIT)
    page = await service.page(limit=size, cursor=cursor)
    if page.next_cursor:
        response.headers["Link"] = link_to_next("/books", limit=size, cursor=page.next_cursor)
    return page


@router.post(
    "/books",
    operation_id="create_book",
    status_code=HTTPStatus.CREATED,
    responses=problem_responses(
        MalformedBody, IsbnTaken, PayloadTooLarge, UnsupportedMediaType, InvalidInput, Unavailable
    ),
)
async def create_book(
    service: BookServiceDep, unit: UnitOfWorkDep, new: NewBook, response: Response
) -> BookOut:
    """Add a book."""
    book = await service.add(unit, new)
    response.headers["Location"] = f"/books/{book.id}"
    return book


@router.get("/books/{book_id}", operation_id="get_book", responses=problem_responses(BookNotFound))
async def get_book(service: BookServiceDep, book_id: BookId) -> BookOut:
    """Show one book."""
    return await service.find(book_id)
