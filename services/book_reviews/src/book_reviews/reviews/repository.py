"""SQL about reviews."""

from sqlalchemy import exists, insert, select, tuple_
from sqlalchemy.exc import IntegrityError

from acidkit.db import Repository, constraint_of
from acidkit.web import Cursor
from book_reviews.reviews.errors import BookNotFound
from book_reviews.reviews.schemas import NewReview
from book_reviews.tables import Book, Review


class ReviewRepository(Repository):
    """Stores and finds reviews."""

    async def add(self, book_id: int, new: NewReview) -> Review:
        """Store a review; the foreign key decides whether its book is there.

        Looking first would leave a gap in which the book can go.

        Raises:
            BookNotFound: it is not.
        """
        values = {"book_id": book_id, **new.model_dump()}
        try:
            return (
                await self._session.scalars(insert(Review).values(**values).returning(Review))
            ).one()
        except IntegrityError as error:
            if constraint_of(error) == "reviews_book_id_fkey":
                raise BookNotFound from error
            raise

    async def newest(self, book_id: int, *, limit: int, after: Cursor | None) -> list[Review]:
        """Return up to `limit` reviews of a book, newest first, those after `after` only."""
        query = (
            select(Review)
            .where(Review.book_id == book_id)
            .order_by(Review.created_at.desc(), Review.id.desc())
            .limit(limit)
        )
        if after:
            query = query.where(tuple_(Review.created_at, Review.id) < tuple_(*after))
        return list(await self._session.scalars(query))

    async def book_exists(self, book_id: int) -> bool:
        """Return whether there is such a book."""
        return bool(await self._session.scalar(select(exists().where(Book.id == book_id))))
