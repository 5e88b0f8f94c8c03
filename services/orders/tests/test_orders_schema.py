from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import pytest

from acidkit.testing import (
    PostgresServer,
    model_differences,
    refusal,
    relations_left,
    run_alembic,
    schema_lines,
)
from orders.repository import FIRST_PAGE, OLDER
from orders.tables import Table

pytestmark = pytest.mark.lab

USER = "11111111-1111-4111-8111-111111111111"
OTHER = "22222222-2222-4222-8222-222222222222"
PEOPLE = f"""
INSERT INTO users (id, email, password_hash) VALUES ('{USER}', 'a@example.com', 'x'),
    ('{OTHER}', 'b@example.com', 'x')
"""  # noqa: S608 - our own words
# A hundred thousand orders, of two users, nearly all of them paid.
MANY = f"""
INSERT INTO orders (id, user_id, total_cents, currency, status, created_at)
SELECT gen_random_uuid(), (CASE WHEN n % 2 = 0 THEN '{USER}' ELSE '{OTHER}' END)::uuid, n, 'EUR',
    (CASE WHEN n % 1000 = 0 THEN 'pending' ELSE 'paid' END)::order_status,
    now() - n * interval '1 second'
FROM generate_series(1, 100000) AS n
"""  # noqa: S608 - our own words
ADD = "INSERT INTO orders (id, user_id, total_cents, currency) VALUES "
REGISTER = "INSERT INTO users (id, email, password_hash) VALUES "


def test_down_and_up_again(postgres_server: PostgresServer, database_url: str, home: Path) -> None:
    """Taken back to nothing and brought up again, the schema is the same."""
    before = schema_lines(postgres_server, database_url)
    run_alembic(home, database_url, "downgrade", "base")
    left = relations_left(postgres_server, database_url)
    types = "SELECT count(*) FROM pg_type WHERE typname = 'order_status'"
    assert (left, postgres_server.run(types, url=database_url)) == ("", "0")
    run_alembic(home, database_url, "upgrade", "head")
    assert schema_lines(postgres_server, database_url) == before


def test_second_run_changes_nothing(
    postgres_server: PostgresServer, database_url: str, home: Path
) -> None:
    """Migrating a migrated database is a no-op."""
    before = schema_lines(postgres_server, database_url)
    run_alembic(home, database_url, "upgrade", "head")
    assert schema_lines(postgres_server, database_url) == before


def test_releases_take_turns(postgres_server: PostgresServer, home: Path) -> None:
    """Three releases that migrate an empty database at once all succeed."""
    url = postgres_server.create_database()
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: run_alembic(home, url, "upgrade", "head"), range(3)))
    assert postgres_server.run("SELECT count(*) FROM orders", url=url) == "0"
    postgres_server.drop_database(url)


def test_script_can_be_printed(database_url: str, home: Path) -> None:
    """Who may not run programs on the database can have the SQL."""
    printed = run_alembic(home, database_url, "upgrade", "head", "--sql")
    assert "CREATE TABLE orders" in printed


async def test_tables_and_migrations_agree(database_url: str) -> None:
    """What the code believes about the tables is what the migrations made."""
    assert await model_differences(database_url, Table.metadata) == []


@pytest.mark.parametrize(
    ("statement", "state"),
    [
        (f"{ADD} (gen_random_uuid(), '{USER}', -1, 'EUR')", "23514"),
        (f"{ADD} (gen_random_uuid(), '{USER}', 1, 'eur')", "23514"),
        (f"{ADD} (gen_random_uuid(), '{USER}', 1, 'E')", "23514"),
        (f"{ADD} (gen_random_uuid(), '{USER}', 1, NULL)", "23502"),
        (f"{ADD} (gen_random_uuid(), '{USER}', NULL, 'EUR')", "23502"),
        (f"{ADD} (gen_random_uuid(), NULL, 1, 'EUR')", "23502"),
        (f"{ADD} (gen_random_uuid(), gen_random_uuid(), 1, 'EUR')", "23503"),
        (f"{ADD} (gen_random_uuid(), '{USER}', 2147483648, 'EUR')", "22003"),
        (f"{ADD} ('{USER}', '{USER}', 1, 'EUR'), ('{USER}', '{USER}', 1, 'EUR')", "23505"),
        ("INSERT INTO users (id, email) VALUES (gen_random_uuid(), 'c@example.com')", "23502"),
        (f"{REGISTER} (gen_random_uuid(), 'a@example.com', 'x')", "23505"),
        (f"{REGISTER} (gen_random_uuid(), 'A@example.com', 'x')", "23514"),
        ("SELECT 'shipped'::order_status", "22P02"),
    ],
)
async def test_database_keeps_the_rules(
    database_url: str, postgres_server: PostgresServer, statement: str, state: str
) -> None:
    """A row that breaks a rule is refused by the database itself, whoever sends it."""
    postgres_server.run(PEOPLE, url=database_url)
    assert await refusal(database_url, statement) == state


async def test_orders_are_found_through_indexes(
    database_url: str, postgres_server: PostgresServer
) -> None:
    """Pages at either end need no sorting and no scan, and a rare status is found by its index."""
    for statement in (PEOPLE, MANY, "ANALYZE orders"):
        postgres_server.run(statement, url=database_url)
    connection = await asyncpg.connect(database_url)
    try:
        edge = await connection.fetchrow(
            "SELECT created_at, id FROM orders WHERE user_id = $1 ORDER BY 1 OFFSET 30 LIMIT 1",
            USER,
        )
        questions = [
            (FIRST_PAGE, (USER, 21), "orders_newest_idx"),
            (OLDER, (USER, 21, *edge), "orders_newest_idx"),
            ("SELECT count(*) FROM orders WHERE status = 'pending'", (), "orders_status_idx"),
        ]
        for statement, values, index in questions:
            rows = await connection.fetch(f"EXPLAIN (ANALYZE, BUFFERS) {statement}", *values)
            plan = "\n".join(row[0] for row in rows)
            assert index in plan
            assert "Sort" not in plan
            assert "Seq Scan" not in plan
    finally:
        await connection.close()
