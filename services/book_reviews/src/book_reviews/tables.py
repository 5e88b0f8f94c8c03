"""The two tables, as SQLAlchemy sees them; the rules that keep data whole are in them."""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    MetaData,
    SmallInteger,
    String,
    func,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAMES = {
    "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "ck": "%(table_name)s_%(constraint_name)s_check",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "pk": "%(table_name)s_pkey",
}


class Table(DeclarativeBase):
    """What the tables share: names of constraints that code may rely on."""

    metadata = MetaData(naming_convention=NAMES)


class Book(Table):
    """A book, with the summary of its reviews beside it.

    `review_count` and `rating_sum` are kept by triggers on `reviews` in the same transaction, so
    that the list never counts and no writer can forget.
    """

    __tablename__ = "books"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    title: Mapped[str] = mapped_column(String(255))
    author: Mapped[str] = mapped_column(String(255))
    isbn: Mapped[str | None] = mapped_column(String(13), unique=True)
    published_year: Mapped[int | None] = mapped_column(SmallInteger)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    review_count: Mapped[int] = mapped_column(BigInteger, server_default="0")
    rating_sum: Mapped[int] = mapped_column(BigInteger, server_default="0")

    __table_args__ = (
        CheckConstraint("btrim(title) <> ''", name="title"),
        CheckConstraint("btrim(author) <> ''", name="author"),
        CheckConstraint("isbn ~ '^[0-9]{13}$'", name="isbn"),
        CheckConstraint("published_year BETWEEN 1 AND 9999", name="published_year"),
    )


Index("books_newest_idx", Book.created_at.desc(), Book.id.desc())


class Review(Table):
    """What one reader thinks of one book."""

    __tablename__ = "reviews"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    book_id: Mapped[int] = mapped_column(ForeignKey(Book.id, ondelete="CASCADE"))
    reviewer: Mapped[str] = mapped_column(String(100))
    rating: Mapped[int] = mapped_column(SmallInteger)
    comment: Mapped[str | None] = mapped_column(String(5000))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())

    __table_args__ = (
        CheckConstraint("btrim(reviewer) <> ''", name="reviewer"),
        CheckConstraint("rating BETWEEN 1 AND 5", name="rating"),
    )


Index("reviews_book_newest_idx", Review.book_id, Review.created_at.desc(), Review.id.desc())
