"""SQL about books."""

from sqlalchemy import insert, select, tuple_
from sqlalchemy.exc import IntegrityError

from acidkit.db import Repository, constraint_of
from acidkit.web import Cursor
from book_reviews.books.errors import IsbnTaken
from book_reviews.books.schemas import NewBook
from book_reviews.tables import Book


class BookRepository(Repository):
    """Stores and finds books."""

    async def add(self, new: NewBook) -> Book:
        """Store a book; the database decides whether its ISBN is free.

        Raises:
            IsbnTaken: it is not.
        """
        try:
            return (
                await self._session.scalars(insert(Book).values(**new.model_dump()).returning(Book))
            ).one()
        except IntegrityError as error:
            if constraint_of(error) == "books_isbn_key":
                raise IsbnTaken from error
            raise

    async def find(self, book_id: int) -> Book | None:
        """Return a book, or None."""
        return await self._session.get(Book, book_id)

    async def newest(self, *, limit: int, after: Cursor | None) -> list[Book]:
        """Return up to `limit` books, newest first, those after `after` only."""
        query = select(Book).order_by(Book.created_at.desc(), Book.id.desc()).limit(limit)
        if after:
            query = query.where(tuple_(Book.created_at, Book.id) < tuple_(*after))
        return list(await self._session.scalars(query))
