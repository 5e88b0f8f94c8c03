"""All SQL of the service: one statement per operation."""

from datetime import UTC
from typing import Any, NamedTuple

from psycopg import errors

from bookshelf.database import Database, Row
from bookshelf.errors import IsbnTaken, NoSuchBook

_LIST_BOOKS = """
    SELECT state.revision, b.id, b.title, b.author, b.isbn, b.published_year, b.created_at
      FROM (SELECT coalesce(max(revision), 0) AS revision FROM shelf) AS state
      LEFT JOIN books AS b ON true
     ORDER BY b.id
"""
# Counts first and inserts afterwards, so that writers queue at one row and cannot block each other.
# The notification is sent by the database, and only if the transaction commits.
_ADD_BOOK = """
    WITH state AS (
        INSERT INTO shelf AS s (revision) VALUES (1)
        ON CONFLICT (only_row) DO UPDATE SET revision = s.revision + 1
        RETURNING s.revision, pg_notify('shelf', s.revision::text)
    )
    INSERT INTO books (title, author, isbn, published_year)
    SELECT %(title)s::text, %(author)s::text, %(isbn)s::text, %(published_year)s::integer FROM state
    RETURNING id, title, author, isbn, published_year, created_at, (SELECT revision FROM state)
"""
_LIST_REVIEWS = """
    SELECT r.id, b.id AS book_id, r.reviewer, r.rating, r.text, r.created_at
      FROM books AS b
      LEFT JOIN reviews AS r ON r.book_id = b.id
     WHERE b.id = %(book)s
     ORDER BY r.id
"""
_ADD_REVIEW = """
    INSERT INTO reviews (book_id, reviewer, rating, text)
    VALUES (%(book)s, %(reviewer)s, %(rating)s, %(text)s)
    RETURNING id, book_id, reviewer, rating, text, created_at
"""


class Listed(NamedTuple):
    """Books, and the number of the last addition they contain."""

    revision: int
    books: list[Row]


class Store:
    """Books and reviews in PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def books(self) -> Listed:
        """All books, from one snapshot with their revision."""
        rows = self._database.rows(_LIST_BOOKS)
        revision = rows[0]["revision"]
        return Listed(revision, [_shown(row) for row in rows if row["id"] is not None])

    def add_book(self, values: Row) -> tuple[Row, int]:
        """The stored book and the revision that contains it."""
        try:
            [row] = self._database.rows(_ADD_BOOK, values)
        except errors.UniqueViolation:
            raise IsbnTaken from None
        return _shown(row), row["revision"]

    def reviews(self, book: int) -> list[Row]:
        """The reviews of one book; no row at all means that there is no such book."""
        rows = self._database.rows(_LIST_REVIEWS, {"book": book})
        if not rows:
            raise NoSuchBook
        return [_shown(row) for row in rows if row["id"] is not None]

    def add_review(self, book: int, values: Row) -> Row:
        """The stored review."""
        try:
            [row] = self._database.rows(_ADD_REVIEW, {"book": book, **values})
        except errors.ForeignKeyViolation:
            raise NoSuchBook from None
        return _shown(row)

    def ping(self) -> None:
        """Return when the database answers."""
        self._database.rows("SELECT 1")


def _shown(row: Row) -> dict[str, Any]:
    shown = {name: value for name, value in row.items() if name != "revision"}
    return {**shown, "created_at": row["created_at"].astimezone(UTC).isoformat()}
