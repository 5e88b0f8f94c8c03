import pytest

from acidtest.grader.sdk import is_bookkeeping, is_write


@pytest.mark.parametrize(
    "statement",
    [
        "BEGIN;",
        "begin isolation level repeatable read",
        "START TRANSACTION READ ONLY",
        "COMMIT",
        "ROLLBACK TO SAVEPOINT s1",
        "SET application_name = 'x'",
        "select pg_advisory_unlock_all()",
        "CLOSE ALL",
        "UNLISTEN *",
        "RESET ALL",
        "DISCARD ALL",
        "SELECT 1",
        "select 1 as one",
        "/* ping */ SELECT 1;",
        "show transaction isolation level",
        "select pg_catalog.version()",
        "SELECT t.oid, typarray FROM pg_type t WHERE t.typname = 'citext'",
        "DEALLOCATE pdo_stmt_00000001",
        "",
    ],
)
def test_housekeeping_is_no_work(statement: str) -> None:
    """What drivers send on their own account is left out of every budget."""
    assert is_bookkeeping(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM books",
        "select 1 from books where isbn = $1",
        "INSERT INTO books (title) VALUES ('begin')",
        "with b as (select 1) select * from b",
        "select 11",
        "endpoints",
    ],
)
def test_work_is_not_housekeeping(statement: str) -> None:
    """A statement that looks at the service's data always counts."""
    assert not is_bookkeeping(statement)


def test_writes_are_told_from_reads() -> None:
    """Changing rows counts as a write, also inside a common table expression."""
    assert is_write("insert into books values (1)")
    assert is_write("WITH x AS (UPDATE books SET a = 1 RETURNING 1) SELECT * FROM x")
    assert not is_write("select updated_at, deleted from books")
