"""The summary of a book's reviews beside the book, kept by triggers.

Once per statement, not per row: a bulk load of reviews updates each book once. Books are locked
in the order of their ids, so that two such loads cannot lock each other out.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

SUMMARISE = """
CREATE FUNCTION reviews_summarise() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        UPDATE books SET review_count = 0, rating_sum = 0 WHERE review_count > 0;
    ELSIF TG_OP = 'INSERT' THEN
        PERFORM reviews_apply(book_id, n, s) FROM (
            SELECT book_id, count(*) AS n, sum(rating) AS s
            FROM added GROUP BY book_id ORDER BY book_id
        ) AS change;
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM reviews_apply(book_id, -n, -s) FROM (
            SELECT book_id, count(*) AS n, sum(rating) AS s
            FROM removed GROUP BY book_id ORDER BY book_id
        ) AS change;
    ELSE
        PERFORM reviews_apply(book_id, n, s) FROM (
            SELECT book_id, sum(n)::bigint AS n, sum(s)::bigint AS s FROM (
                SELECT book_id, 1 AS n, rating AS s FROM added
                UNION ALL
                SELECT book_id, -1, -rating FROM removed
            ) AS both_sides GROUP BY book_id ORDER BY book_id
        ) AS change;
    END IF;
    RETURN NULL;
END
$$
"""

APPLY = """
CREATE FUNCTION reviews_apply(book bigint, n bigint, s bigint) RETURNS void LANGUAGE sql AS $$
    UPDATE books SET review_count = review_count + n, rating_sum = rating_sum + s WHERE id = book
$$
"""

TRIGGERS = """
CREATE TRIGGER reviews_added AFTER INSERT ON reviews
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION reviews_summarise();
CREATE TRIGGER reviews_removed AFTER DELETE ON reviews
    REFERENCING OLD TABLE AS removed
    FOR EACH STATEMENT EXECUTE FUNCTION reviews_summarise();
CREATE TRIGGER reviews_changed AFTER UPDATE ON reviews
    REFERENCING OLD TABLE AS removed NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION reviews_summarise();
CREATE TRIGGER reviews_truncated AFTER TRUNCATE ON reviews
    FOR EACH STATEMENT EXECUTE FUNCTION reviews_summarise();
"""

BACKFILL = """
UPDATE books SET review_count = counted.n, rating_sum = counted.s
FROM (SELECT book_id, count(*) AS n, sum(rating) AS s FROM reviews GROUP BY book_id) AS counted
WHERE books.id = counted.book_id
"""


def upgrade() -> None:
    for name in ("review_count", "rating_sum"):
        # A constant default needs no rewrite of the table.
        op.add_column("books", sa.Column(name, sa.BigInteger(), server_default="0", nullable=False))
    op.execute(APPLY)
    op.execute(SUMMARISE)
    # One command per call: the driver prepares what it sends.
    for trigger in TRIGGERS.split(";")[:-1]:
        op.execute(trigger)
    # Creating a trigger keeps writers of reviews off until this transaction ends: the count is of
    # everything, and nothing is counted twice.
    op.execute(BACKFILL)


def downgrade() -> None:
    for name in ("reviews_added", "reviews_removed", "reviews_changed", "reviews_truncated"):
        op.execute(f"DROP TRIGGER {name} ON reviews")
    op.execute("DROP FUNCTION reviews_summarise()")
    op.execute("DROP FUNCTION reviews_apply(bigint, bigint, bigint)")
    op.drop_column("books", "rating_sum")
    op.drop_column("books", "review_count")
