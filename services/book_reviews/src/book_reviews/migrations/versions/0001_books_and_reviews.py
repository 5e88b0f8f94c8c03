"""Books, reviews, the rules that keep them whole and the indexes that find them."""

from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "books",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("title", sa.String(255), nullable=False),
        sa.Column("author", sa.String(255), nullable=False),
        sa.Column("isbn", sa.String(13)),
        sa.Column("published_year", sa.SmallInteger()),
        _created_at(),
        sa.PrimaryKeyConstraint("id", name="books_pkey"),
        sa.UniqueConstraint("isbn", name="books_isbn_key"),
        sa.CheckConstraint("btrim(title) <> ''", name="books_title_check"),
        sa.CheckConstraint("btrim(author) <> ''", name="books_author_check"),
        sa.CheckConstraint("isbn ~ '^[0-9]{13}$'", name="books_isbn_check"),
        sa.CheckConstraint("published_year BETWEEN 1 AND 9999", name="books_published_year_check"),
    )
    op.create_index("books_newest_idx", "books", [sa.text("created_at DESC"), sa.text("id DESC")])
    op.create_table(
        "reviews",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("book_id", sa.BigInteger(), nullable=False),
        sa.Column("reviewer", sa.String(100), nullable=False),
        sa.Column("rating", sa.SmallInteger(), nullable=False),
        sa.Column("comment", sa.String(5000)),
        _created_at(),
        sa.PrimaryKeyConstraint("id", name="reviews_pkey"),
        sa.ForeignKeyConstraint(
            ["book_id"], ["books.id"], name="reviews_book_id_fkey", ondelete="CASCADE"
        ),
        sa.CheckConstraint("btrim(reviewer) <> ''", name="reviews_reviewer_check"),
        sa.CheckConstraint("rating BETWEEN 1 AND 5", name="reviews_rating_check"),
    )
    op.create_index(
        "reviews_book_newest_idx",
        "reviews",
        ["book_id", sa.text("created_at DESC"), sa.text("id DESC")],
    )


def downgrade() -> None:
    op.drop_table("reviews")
    op.drop_table("books")


def _created_at() -> sa.Column[datetime]:
    return sa.Column(
        "created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
    )
