"""What the business says about books: the list comes from the cache, and it is never old."""

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from acidkit.cache import CacheAside
from acidkit.db import Database, UnitOfWork
from acidkit.web import Cursor, CursorCodec
from book_reviews.books.errors import BookNotFound
from book_reviews.books.repository import BookRepository
from book_reviews.books.schemas import BookOut, BookPage, NewBook
from book_reviews.tables import Book


class BookPageCodec:
    """Pages as JSON in the cache; anything else found there is not a page."""

    def encode(self, value: BookPage) -> bytes:
        """Return the page as JSON."""
        return value.model_dump_json().encode()

    def decode(self, raw: bytes) -> BookPage:
        """Return the page; raises ValueError for anything that is not one."""
        try:
            return BookPage.model_validate_json(raw, strict=True)
        except ValidationError as error:
            raise ValueError("not a page of books") from error


class BookService:
    """Adds, finds and lists books."""

    def __init__(self, database: Database, *, pages: CacheAside[BookPage]) -> None:
        self._database = database
        self._pages = pages
        self._cursors = CursorCodec("books")

    async def add(self, unit: UnitOfWork, new: NewBook) -> BookOut:
        """Store a book in `unit`; every list that is asked for after its commit shows it."""
        book = await BookRepository(unit.session).add(new)
        unit.watch(self._pages.change())
        return shown(book)

    async def find(self, book_id: int) -> BookOut:
        """Return a book.

        Raises:
            BookNotFound: there is none with this id.
        """

        async def question(session: AsyncSession) -> Book | None:
            return await BookRepository(session).find(book_id)

        book = await self._database.read(question)
        if book is None:
            raise BookNotFound
        return shown(book)

    async def page(self, *, limit: int, cursor: str | None) -> BookPage:
        """Return a page of books, newest first: from the cache, else from the database."""
        after = self._cursors.decode(cursor) if cursor else None

        async def load() -> BookPage:
            return await self._load(limit, after)

        return await self._pages.fetch(f"{limit}:{cursor or 'first'}", load)

    async def _load(self, limit: int, after: Cursor | None) -> BookPage:
        async def question(session: AsyncSession) -> list[Book]:
            # One more than asked for tells whether there is a next page.
            return await BookRepository(session).newest(limit=limit + 1, after=after)

        books = await self._database.read(question)
        more = len(books) > limit
        shelf = books[:limit]
        cursor = self._cursors.encode(Cursor(shelf[-1].created_at, shelf[-1].id)) if more else None
        return BookPage(items=[shown(book) for book in shelf], next_cursor=cursor)


def shown(book: Book) -> BookOut:
    """Return a stored book as clients see it."""
    average = book.rating_sum / book.review_count if book.review_count else None
    return BookOut(
        id=book.id,
        title=book.title,
        author=book.author,
        isbn=book.isbn,
        published_year=book.published_year,
        created_at=book.created_at,
        review_count=book.review_count,
        average_rating=average,
    )
