from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from acidkit.testing import (
    PostgresServer,
    model_differences,
    refusal,
    relations_left,
    run_alembic,
    schema_lines,
)
from book_reviews.tables import Table

pytestmark = pytest.mark.lab

HOME = Path(__file__).parents[1]

ROWS = """
INSERT INTO books (title, author) VALUES ('one', 'A'), ('two', 'B'), ('three', 'C');
INSERT INTO reviews (book_id, reviewer, rating) VALUES (1, 'r', 5), (1, 's', 2), (2, 'r', 1)
"""


def migrate(url: str, *words: str) -> str:
    """Run Alembic on this service's migrations."""
    return run_alembic(HOME, url, *words)


def test_up_down_up_keeps_the_data(postgres_server: PostgresServer, database_url: str) -> None:
    """Going back a step and forth again keeps every row, and the summary is true again."""
    before = schema_lines(postgres_server, database_url)
    postgres_server.run(ROWS, url=database_url)
    migrate(database_url, "downgrade", "-1")
    postgres_server.run(
        "INSERT INTO reviews (book_id, reviewer, rating) VALUES (2, 's', 2)", url=database_url
    )
    migrate(database_url, "upgrade", "head")
    assert schema_lines(postgres_server, database_url) == before
    summary = postgres_server.run(
        "SELECT id, review_count, rating_sum FROM books ORDER BY id", url=database_url
    )
    assert summary.splitlines() == ["1|2|7", "2|2|3", "3|0|0"]


def test_second_run_changes_nothing(postgres_server: PostgresServer, database_url: str) -> None:
    """Migrating a migrated database is a no-op."""
    before = schema_lines(postgres_server, database_url)
    migrate(database_url, "upgrade", "head")
    assert schema_lines(postgres_server, database_url) == before


def test_down_to_nothing_leaves_nothing(postgres_server: PostgresServer, database_url: str) -> None:
    """Every migration can be taken back."""
    migrate(database_url, "downgrade", "base")
    left = relations_left(postgres_server, database_url)
    assert left == ""


def test_releases_take_turns(postgres_server: PostgresServer) -> None:
    """Three releases that migrate an empty database at once all succeed."""
    url = postgres_server.create_database()
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: migrate(url, "upgrade", "head"), range(3)))
    assert postgres_server.run("SELECT count(*) FROM books", url=url) == "0"
    postgres_server.drop_database(url)


def test_script_can_be_printed(database_url: str) -> None:
    """Who may not run programs on the database can have the SQL."""
    assert "CREATE TABLE reviews" in migrate(database_url, "upgrade", "head", "--sql")


async def test_tables_and_migrations_agree(database_url: str) -> None:
    """What the code believes about the tables is what the migrations made."""
    assert await model_differences(database_url, Table.metadata) == []


@pytest.mark.parametrize(
    ("statement", "state"),
    [
        ("INSERT INTO books (title, author) VALUES (NULL, 'A')", "23502"),
        ("INSERT INTO books (title, author) VALUES (' ', 'A')", "23514"),
        ("INSERT INTO books (title, author, isbn) VALUES ('T', 'A', '123')", "23514"),
        ("INSERT INTO books (title, author, published_year) VALUES ('T', 'A', 0)", "23514"),
        (
            (
                "INSERT INTO books (title, author, isbn) SELECT 'T', 'A', '9780140275360'"
                " FROM generate_series(1, 2)"
            ),
            "23505",
        ),
        ("INSERT INTO reviews (book_id, reviewer, rating) VALUES (9, 'r', 1)", "23503"),
        ("INSERT INTO reviews (book_id, reviewer, rating) VALUES (1, 'r', 6)", "23514"),
        ("INSERT INTO reviews (book_id, reviewer) VALUES (1, 'r')", "23502"),
    ],
)
async def test_database_keeps_the_rules(
    database_url: str, postgres_server: PostgresServer, statement: str, state: str
) -> None:
    """A row that breaks a rule is refused by the database itself, whoever sends it."""
    postgres_server.run(ROWS, url=database_url)
    assert await refusal(database_url, statement) == state
