import pytest
from sqlalchemy import Column, Integer, MetaData, Table, Text

from acidkit.testing import (
    PostgresServer,
    model_differences,
    refusal,
    relations_left,
    schema_lines,
)

pytestmark = pytest.mark.lab


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE things ADD size integer",
        "ALTER TABLE things ALTER name SET NOT NULL",
        "CREATE INDEX by_name ON things (name)",
        "ALTER TABLE things ADD CONSTRAINT named CHECK (name <> '')",
        "CREATE TYPE kind AS ENUM ('one')",
        """CREATE TRIGGER kept BEFORE UPDATE ON things FOR EACH ROW
           EXECUTE FUNCTION suppress_redundant_updates_trigger()""",
    ],
)
def test_every_change_of_the_schema_is_seen(
    postgres_server: PostgresServer, database_url: str, change: str
) -> None:
    """Columns, indexes, constraints, types and triggers count; rows do not."""
    make = "CREATE TABLE things (id integer PRIMARY KEY, name text)"
    postgres_server.run(make, url=database_url)
    before = schema_lines(postgres_server, database_url)
    postgres_server.run("INSERT INTO things VALUES (1, 'a')", url=database_url)
    assert schema_lines(postgres_server, database_url) == before
    postgres_server.run(change, url=database_url)

    assert schema_lines(postgres_server, database_url) != before


async def test_tables_are_held_against_the_code(
    postgres_server: PostgresServer, database_url: str
) -> None:
    """What is left is named, what differs from the code is told, what breaks a rule is refused."""
    make = "CREATE TABLE things (id integer PRIMARY KEY, name text)"
    right, wrong = MetaData(), MetaData()
    Table("things", right, Column("id", Integer, primary_key=True), Column("name", Text))
    Table("things", wrong, Column("id", Integer, primary_key=True), Column("name", Integer))
    assert relations_left(postgres_server, database_url) == ""
    postgres_server.run(make, url=database_url)

    assert "things" in relations_left(postgres_server, database_url)
    assert await model_differences(database_url, right) == []
    assert await model_differences(database_url, wrong) != []
    assert await refusal(database_url, "INSERT INTO things VALUES (1, 'a')") is None
    assert await refusal(database_url, "INSERT INTO things VALUES (1, 'b')") == "23505"
