import pytest

from acidtest.grader.lab.proxy import Statement
from acidtest.grader.lab.proxy.pg_values import as_text
from acidtest.grader.lab.proxy.sql_words import bare, mentions, parts


def statement(text: str, *, inside: bool = False) -> Statement:
    """A statement of that text."""
    return Statement(1, "r", text, 0.0, inside, simple=True)


@pytest.mark.parametrize(
    "text",
    [
        "insert into t values (1)",
        "  -- note\n /* a /* nested */ b */ UPDATE t SET a = 1",
        "DELETE FROM t",
        "WITH x AS (INSERT INTO t VALUES (1) RETURNING *) SELECT * FROM x",
        "with x as (select 1) update t set a = 1",
        "COPY t FROM STDIN",
        "MERGE INTO t USING s ON true WHEN MATCHED THEN DELETE",
        "SELECT 1; DELETE FROM t",
    ],
)
def test_writes_are_known(text: str) -> None:
    """What changes rows by its own words is a write, behind comments and WITH too."""
    assert statement(text).is_write
    assert statement(text).makes_durable
    assert not statement(text, inside=True).makes_durable


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 'insert into t'",
        'SELECT "delete from" FROM t',
        "SELECT $$; DELETE FROM t;$$",
        "SELECT $tag$; COMMIT; $tag$",
        "SELECT E'\\'; DELETE FROM t; --'",
        "SELECT 1 -- ; DELETE FROM t",
        "SELECT 1 /* ; COMMIT; */",
        "SELECT * FROM t FOR UPDATE",
        "WITH x AS (SELECT * FROM t FOR NO KEY UPDATE) SELECT * FROM x",
        "COPY t TO STDOUT",
        "",
    ],
)
def test_reads_are_not_writes(text: str) -> None:
    """Words inside of values, names and comments are nobody's verbs."""
    assert not statement(text).is_write
    assert not statement(text).is_commit
    assert len(parts(text)) <= 1


@pytest.mark.parametrize(
    ("text", "commit"),
    [
        ("COMMIT", True),
        ("end;", True),
        ("BEGIN; INSERT INTO t VALUES (1); COMMIT", True),
        ("commit and chain", True),
        ("ROLLBACK", False),
        ("SELECT 'commit'", False),
        ("CREATE FUNCTION f() RETURNS int AS $$ BEGIN COMMIT; END $$ LANGUAGE plpgsql", False),
    ],
)
def test_commits_are_known(text: str, *, commit: bool) -> None:
    """A COMMIT is one wherever in a simple query it stands, but not inside a function's body."""
    assert statement(text).is_commit is commit


@pytest.mark.parametrize(
    ("text", "utility"),
    [
        ("SELECT 1", True),
        ("SET statement_timeout = 5", True),
        ("SELECT pg_advisory_unlock_all(); CLOSE ALL; UNLISTEN *; RESET ALL;", True),
        ("select pg_catalog.version()", True),
        ("ROLLBACK TO SAVEPOINT a", True),
        ("SELECT 1 FROM books", False),
        ("SELECT count(*) FROM books", False),
        ("BEGIN; DELETE FROM books; COMMIT", False),
    ],
)
def test_talk_of_drivers_is_known(text: str, *, utility: bool) -> None:
    """What drivers and pools say of their own accord is told from what a service asks."""
    assert statement(text).is_utility is utility


def test_names_are_found_as_whole_words() -> None:
    """A table is mentioned by its whole name, quoted or not, and not inside a value."""
    assert mentions("SELECT * FROM public.books", "books")
    assert mentions('SELECT * FROM "books"', "books")
    assert not mentions("SELECT * FROM books_old", "books")
    assert not mentions("SELECT 'books' FROM t", "books")


def test_unfinished_texts_end() -> None:
    """A text cut off inside a value or a comment is read to its end."""
    for text in ("SELECT '", "SELECT $$ x", "SELECT /* /* */", 'SELECT "', "SELECT E'\\"):
        assert bare(text).startswith("SELECT")


@pytest.mark.parametrize(
    ("value", "oid", "text"),
    [
        (b"\0\0\0\5", 23, "5"),
        (b"\0\5", 23, "\\x0005"),
        (b"\1\2", 0, "\\x0102"),
        (b"active", 20_000, "active"),
        (b"\0\1", 20_000, "\\x0001"),
        (b"\0\0\0\0\0\0\0\0", 1184, "2000-01-01 00:00:00+00:00"),
        (b"\x7f" + b"\xff" * 7, 1184, "\\x7fffffffffffffff"),
        (b"\0\2\0\0\0\0\0\2\0\x0c\x0d\x7a", 1700, "12.34"),
        (b"\0\1\xff\xff\0\0\0\2\0\x64", 1700, "0.01"),
        (b"\0\0\0\0\0\0\0\0\0\0\0\x17", 1007, "{}"),
        (b"\0\0\0\1", 1007, "\\x00000001"),
    ],
)
def test_binary_values(value: bytes, oid: int, text: str) -> None:
    """Binary forms become text where they are known and whole, hex where they are not."""
    assert as_text(value, binary=True, oid=oid) == text


def test_long_values_are_cut() -> None:
    """A value of a megabyte is kept by its beginning."""
    assert len(as_text(b"x" * 1_000_000, binary=False, oid=25) or "") <= 1_001
