"""Reviews as JSON."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from book_reviews.text import Comment, Rating, Reviewer


class NewReview(BaseModel):
    """A review to add."""

    model_config = ConfigDict(strict=True, frozen=True)

    reviewer: Reviewer
    rating: Rating
    comment: Comment | None = None


class ReviewOut(BaseModel):
    """A review as it is stored."""

    model_config = ConfigDict(from_attributes=True, frozen=True)

    id: int
    book_id: int
    reviewer: str
    rating: int
    comment: str | None
    created_at: datetime


class ReviewPage(BaseModel):
    """Reviews of one book, newest first, and the way to older ones."""

    items: list[ReviewOut]
    next_cursor: str | None = Field(description="Give it back as `cursor`; null on the last page.")
