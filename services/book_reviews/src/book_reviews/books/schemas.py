"""Books as JSON."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from book_reviews.text import Title

Isbn = Annotated[str, Field(pattern=r"^[0-9]{13}$", examples=["9780140449136"])]
Year = Annotated[int, Field(ge=1, le=9999)]


class NewBook(BaseModel):
    """A book to add."""

    model_config = ConfigDict(strict=True, frozen=True)

    title: Title
    author: Title
    isbn: Isbn | None = None
    published_year: Year | None = None


class BookOut(BaseModel):
    """A book as it is stored, with what its readers make of it."""

    model_config = ConfigDict(from_attributes=True, frozen=True)

    id: int
    title: str
    author: str
    isbn: str | None
    published_year: int | None
    created_at: datetime
    review_count: int = Field(ge=0)
    average_rating: float | None = Field(description="Null while there is no review.")


class BookPage(BaseModel):
    """Books, newest first, and the way to older ones."""

    items: list[BookOut]
    next_cursor: str | None = Field(description="Give it back as `cursor`; null on the last page.")
