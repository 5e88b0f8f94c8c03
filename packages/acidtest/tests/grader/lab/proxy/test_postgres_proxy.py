import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import psycopg
import pytest
import pytest_asyncio

from acidtest.core.clock import RunClock
from acidtest.grader.lab.journal import Journal
from acidtest.grader.lab.postgres import Cluster
from acidtest.grader.lab.proxy import Door, PostgresProxy

LOST = (ConnectionError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError)

pytestmark = [pytest.mark.lab, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(loop_scope="module")
async def proxy(
    cluster: Cluster, journal: Journal, clock: RunClock, listening: socket.socket
) -> AsyncIterator[PostgresProxy]:
    """A proxy before a cluster with an empty table `t`."""
    direct = await cluster.connect()
    await direct.execute("DROP TABLE IF EXISTS t; CREATE TABLE t (id int PRIMARY KEY, v text)")
    await direct.close()
    door = Door(*cluster.candidate, cluster.database)
    relay = PostgresProxy(cluster.socket_path, journal=journal, clock=clock, door=door)
    await relay.serve(listening, replica="replica-1")
    yield relay
    await relay.close()
    assert relay.failures == []
    assert relay.open_now == 0


@pytest.fixture
def dsn(cluster: Cluster, listening: socket.socket) -> str:
    """The address a service gets."""
    port = listening.getsockname()[1]
    return cluster.candidate.url(cluster.database, host="127.0.0.1", port=port)


@pytest_asyncio.fixture(loop_scope="module")
async def client(proxy: PostgresProxy, dsn: str) -> AsyncIterator[Any]:
    """An asyncpg connection through the proxy."""
    del proxy
    connection = await asyncpg.connect(dsn, timeout=5)
    yield connection
    connection.terminate()


def texts(journal: Journal) -> list[str]:
    """What the journal holds of statements."""
    return [statement.text for statement in journal.sql()]


async def under_way(proxy: PostgresProxy) -> None:
    """Wait until a statement was sent and is not answered."""
    async with asyncio.timeout(5):
        while not proxy.in_flight:  # noqa: ASYNC110 - the proxy has nobody to tell
            await asyncio.sleep(0.005)


async def test_password_login_passes_through(
    proxy: PostgresProxy, cluster: Cluster, dsn: str
) -> None:
    """A wrong password is refused by the server itself, a right one opens a session."""
    wrong = dsn.replace(cluster.candidate.password, "wrong")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(wrong, timeout=5)
    connection = await asyncpg.connect(dsn, timeout=5)
    assert await connection.fetchval("SELECT current_user") == "candidate"
    await connection.close()
    assert proxy.startup_count == 2


@pytest.mark.usefixtures("proxy")
@pytest.mark.parametrize("user", ["postgres", "judge", "Candidate", "candidate "])
async def test_nobody_else_comes_in_by_the_wire(user: str, dsn: str) -> None:
    """The roles the judge uses without a password are out of a service's reach."""
    with pytest.raises((asyncpg.PostgresError, *LOST)):
        await asyncpg.connect(dsn, user=user, timeout=5)


async def test_statement_with_parameters_rows_and_time(client: Any, journal: Journal) -> None:
    """A prepared statement is recorded with its values as text, its rows and its duration."""
    await client.execute("INSERT INTO t VALUES ($1, $2), ($3, $4)", 1, "one", 2, None)
    rows = await client.fetch("SELECT * FROM t WHERE id = ANY($1) ORDER BY id", [1, 2])
    assert len(rows) == 2
    insert, *_, select = journal.sql()
    assert insert.parameters == ("1", "one", "2", None)
    assert (insert.rows, select.rows) == (2, 2)
    assert select.parameters == ("{1,2}",)
    assert select.replica == "replica-1"
    assert select.seconds is not None
    assert 0 <= select.seconds < 5


async def test_error_is_recorded_with_its_code(client: Any, journal: Journal) -> None:
    """A refused statement carries SQLSTATE and message; the next one is none the worse."""
    with pytest.raises(asyncpg.UndefinedTableError):
        await client.fetch("SELECT * FROM nowhere")
    await client.execute("INSERT INTO t VALUES (1)")
    with pytest.raises(asyncpg.UniqueViolationError):
        await client.execute("INSERT INTO t VALUES ($1)", 1)
    failed, fine, twice = journal.sql()
    assert failed.text == "SELECT * FROM nowhere"
    assert (failed.error or "").startswith("42P01 ")
    assert fine.error is None
    assert (twice.error or "").startswith("23505 ")


@pytest.mark.usefixtures("proxy")
async def test_psycopg_pipeline_and_error_inside(dsn: str, journal: Journal) -> None:
    """In a pipeline each statement keeps its own rows, and those after an error were not run."""

    async def fail(connection: psycopg.AsyncConnection[Any]) -> None:
        async with connection.pipeline():
            await connection.execute("INSERT INTO t VALUES (10)")
            await connection.execute("INSERT INTO t VALUES (%s)", (10,))
            await connection.execute("INSERT INTO t VALUES (%s)", (11,))

    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        async with connection.pipeline():
            for number in range(5):
                await connection.execute("INSERT INTO t VALUES (%s, %s)", (number, f"v{number}"))
        with pytest.raises(psycopg.errors.UniqueViolation):
            await fail(connection)
        cursor = await connection.execute("SELECT count(*) FROM t")
        assert await cursor.fetchone() == (5,)
    statements = [s for s in journal.sql() if s.text.startswith("INSERT")]
    assert [s.rows for s in statements[:5]] == [1] * 5
    assert [s.parameters[:1] for s in statements[:5]] == [(str(n),) for n in range(5)]
    assert [(s.error or "")[:7] for s in statements[5:]] == ["", "23505 d", "not run"]


@pytest.mark.usefixtures("proxy")
async def test_copy_both_ways(dsn: str, journal: Journal) -> None:
    """COPY in and out pass, are recorded with their rows, and leave the session in step."""
    connection = await psycopg.AsyncConnection.connect(dsn, autocommit=True)
    async with connection, connection.cursor() as cursor:
        async with cursor.copy("COPY t FROM STDIN") as copy:
            await copy.write("".join(f"{number}\t{'x' * 100}\n" for number in range(1000)))
        async with cursor.copy("COPY t TO STDOUT") as copy:
            assert len([row async for row in copy.rows()]) == 1000
        async with cursor.copy("COPY (SELECT * FROM t WHERE id < %s) TO STDOUT", (7,)) as copy:
            assert len([row async for row in copy.rows()]) == 7
        await cursor.execute("SELECT count(*) FROM t")
        assert await cursor.fetchone() == (1000,)
    copies = [s for s in journal.sql() if s.text.startswith("COPY")]
    assert [s.rows for s in copies] == [1000, 1000, 7]
    assert journal.sql()[-1].text == "SELECT count(*) FROM t"
    assert journal.sql()[-1].rows == 1


async def test_asyncpg_copy_and_failed_copy(client: Any, journal: Journal) -> None:
    """A COPY that breaks half-way is an error of its own; the next statement works."""
    await client.copy_records_to_table("t", records=[(1, "a"), (2, "b")])
    with pytest.raises(asyncpg.UniqueViolationError):
        await client.copy_records_to_table("t", records=[(2, "b")])
    assert await client.fetchval("SELECT count(*) FROM t") == 2
    assert journal.sql()[-1].text == "SELECT count(*) FROM t"
    assert any((s.error or "").startswith("23505") for s in journal.sql())


async def test_cancel_request_is_forwarded(
    dsn: str, proxy: PostgresProxy, journal: Journal
) -> None:
    """A client that gives up on a statement cancels it on the server."""
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        sleeping = asyncio.create_task(connection.execute("SELECT pg_sleep(30)"))
        await under_way(proxy)
        await connection.cancel_safe(timeout=5)
        with pytest.raises(psycopg.errors.QueryCanceled):
            await sleeping
    assert proxy.cancel_requests == 1
    assert (journal.sql()[-1].error or "").startswith("57014")


@pytest.mark.usefixtures("proxy")
async def test_encryption_is_declined(dsn: str) -> None:
    """A client that prefers TLS goes on without, one that insists hears a clear no."""
    async with await psycopg.AsyncConnection.connect(dsn + "?sslmode=prefer") as connection:
        await connection.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError, match="does not support SSL"):
        await psycopg.AsyncConnection.connect(dsn + "?sslmode=require")


async def test_open_door_takes_any_login(
    proxy: PostgresProxy, cluster: Cluster, journal: Journal
) -> None:
    """At an open door any user, password and database lead to the candidate's database."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        await proxy.serve(door, replica="replica-2", open_door=True)
        for login in ("postgres:postgres", "admin:", "app:s3cret"):
            address = f"postgresql://{login}@127.0.0.1:{door.getsockname()[1]}/bookstore"
            connection = await asyncpg.connect(address, timeout=5)
            row = await connection.fetchrow("SELECT current_user, current_database()")
            assert tuple(row) == ("candidate", cluster.database)
            await connection.close()
    assert proxy.by_open_door == 3
    assert {statement.replica for statement in journal.sql()} == {"replica-2"}


async def test_counts_round_trips_and_transactions(client: Any, proxy: PostgresProxy) -> None:
    """Round trips and transactions are counted as the client and the server make them."""
    trips, ended = proxy.round_trips, proxy.transactions
    await client.execute("SELECT 1")
    assert (proxy.round_trips - trips, proxy.transactions - ended) == (1, 1)
    async with client.transaction():
        await client.execute("INSERT INTO t VALUES (1)")
        await client.execute("INSERT INTO t VALUES (2)")
    assert (proxy.round_trips - trips, proxy.transactions - ended) == (5, 2)


async def test_large_messages_pass_unread(client: Any, journal: Journal) -> None:
    """Values of many megabytes pass both ways; the record keeps only their beginning."""
    large = "x" * 5_000_000
    assert await client.fetchval("SELECT $1::text", large) == large
    await client.execute(f"INSERT INTO t VALUES (1, '{large}')")  # noqa: S608 - a text of ours
    assert await client.fetchval("SELECT length(v) FROM t") == len(large)
    assert [len(text) < 10_000 for text in texts(journal)] == [True] * 3
    assert journal.sql()[0].parameters[0] is not None


async def test_cursor_counts_rows_of_each_fetch(client: Any, journal: Journal) -> None:
    """A portal read in pieces is recorded piece by piece."""
    async with client.transaction():
        seen = [row async for row in client.cursor("SELECT generate_series(1, 25)", prefetch=10)]
    assert len(seen) == 25
    pieces = [s.rows for s in journal.sql() if "generate_series" in s.text]
    assert pieces == [10, 10, 5]


async def test_binary_values_become_text(client: Any, journal: Journal) -> None:
    """Common binary parameters are shown as PostgreSQL itself would write them."""
    values = {
        "int8": 2**40, "int2": -7, "bool": True, "float8": 1.5, "text": "é\n",
        "uuid": "12345678-1234-5678-1234-567812345678", "numeric": "-12.3450",
        "timestamptz": None, "jsonb": '{"a": 1}', "bytea": b"\x00\xff",
    }  # fmt: skip
    for kind, value in values.items():
        await client.fetchval(f"SELECT $1::{kind}", value)
    shown = [s.parameters[0] for s in journal.sql() if s.parameters]
    assert shown == [
        "1099511627776", "-7", "true", "1.5", "é\n",
        "12345678-1234-5678-1234-567812345678", "-12.3450", None, '{"a": 1}', "\\x00ff",
    ]  # fmt: skip


async def test_statements_end_in_the_journal_when_the_connection_is_cut(
    client: Any, proxy: PostgresProxy, journal: Journal
) -> None:
    """What was under way when a connection was reset is recorded with that as its error."""
    running = asyncio.create_task(client.fetchval("SELECT pg_sleep(30)"))
    await under_way(proxy)
    assert await proxy.reset_all() == 1
    with pytest.raises(LOST):
        await running
    assert journal.sql()[-1].error == "reset by the judge"
    assert journal.faults()[-1].text == "1 live connections reset"


async def test_killed_server_and_recovery(cluster: Cluster, client: Any, dsn: str) -> None:
    """When the server dies its clients hear it; through the same port they reach its successor."""
    await client.execute("INSERT INTO t VALUES (1)")
    await cluster.kill()
    with pytest.raises(LOST):
        await client.fetchval("SELECT 1")
    with pytest.raises(LOST):
        await asyncpg.connect(dsn, timeout=5)
    await cluster.restart()
    again = await asyncpg.connect(dsn, timeout=5)
    assert await again.fetchval("SELECT count(*) FROM t") == 1
    await again.close()
