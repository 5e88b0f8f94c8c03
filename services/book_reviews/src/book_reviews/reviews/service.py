"""What the business says about reviews: each belongs to a book, and changes how that one looks."""

from sqlalchemy.ext.asyncio import AsyncSession

from acidkit.cache import CacheAside
from acidkit.db import Database, UnitOfWork
from acidkit.web import Cursor, CursorCodec
from book_reviews.books.schemas import BookPage
from book_reviews.reviews.errors import BookNotFound
from book_reviews.reviews.repository import ReviewRepository
from book_reviews.reviews.schemas import NewReview, ReviewOut, ReviewPage
from book_reviews.tables import Review


class ReviewService:
    """Adds and lists reviews."""

    def __init__(self, database: Database, *, pages: CacheAside[BookPage]) -> None:
        self._database = database
        self._pages = pages

    async def add(self, unit: UnitOfWork, book_id: int, new: NewReview) -> ReviewOut:
        """Store a review in `unit`; the list of books shows its effect after the commit.

        Raises:
            BookNotFound: there is no such book, or it has just gone.
        """
        review = await ReviewRepository(unit.session).add(book_id, new)
        unit.watch(self._pages.change())
        return ReviewOut.model_validate(review)

    async def page(self, book_id: int, *, limit: int, cursor: str | None) -> ReviewPage:
        """Return a page of the reviews of a book, newest first.

        Raises:
            BookNotFound: there is no such book.
        """
        cursors = CursorCodec(f"reviews:{book_id}")
        after = cursors.decode(cursor) if cursor else None

        async def question(session: AsyncSession) -> list[Review]:
            repository = ReviewRepository(session)
            # One more than asked for tells whether there is a next page.
            reviews = await repository.newest(book_id, limit=limit + 1, after=after)
            if not reviews and not await repository.book_exists(book_id):
                raise BookNotFound
            return reviews

        reviews = await self._database.read(question)
        shelf = reviews[:limit]
        more = len(reviews) > limit
        last = cursors.encode(Cursor(shelf[-1].created_at, shelf[-1].id)) if more else None
        return ReviewPage(
            items=[ReviewOut.model_validate(review) for review in shelf], next_cursor=last
        )
