import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import asyncpg
import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from acidkit.db import (
    Database,
    DatabaseSettings,
    DirectUnit,
    Isolation,
    UnitOfWork,
    constraint_of,
    make_engine,
)
from acidkit.errors import Busy, Unavailable
from acidkit.testing import Fault, FaultProxy, PostgresServer, at_once

pytestmark = pytest.mark.lab

LOSE = "DO $$ BEGIN RAISE EXCEPTION 'lost' USING ERRCODE = '{}'; END $$"
KILL = "SELECT pg_terminate_backend({})"


@pytest.fixture
async def proxy(database_url: str, postgres_server: PostgresServer) -> AsyncIterator[FaultProxy]:
    """A fault proxy in front of a database with one table."""
    postgres_server.run("CREATE TABLE t (id int PRIMARY KEY, n int)", url=database_url)
    assert postgres_server.socket
    async with FaultProxy(postgres_server.socket) as made:
        yield made


@pytest.fixture
async def database(database_url: str, proxy: FaultProxy) -> AsyncIterator[Database]:
    """One connection through the proxy, with short waits."""
    url = SecretStr(f"postgresql://postgres@127.0.0.1:{proxy.port}{urlsplit(database_url).path}")
    settings = DatabaseSettings(
        url=url, pool_size=2, command_timeout=1.5, idle_in_transaction_timeout=0.3
    )
    made = Database(make_engine(settings))
    yield made
    await proxy.set(Fault.NONE)
    await made.close()


async def rows(database: Database) -> list[int]:
    """Return the ids that are stored."""
    found = await database.read_direct(lambda connection: connection.fetch("SELECT id FROM t"))
    return sorted(row["id"] for row in found)


async def add(unit: UnitOfWork, row: int) -> None:
    """Store a row."""
    await unit.session.execute(text("INSERT INTO t VALUES (:row)"), {"row": row})


class Witness:
    """A guard that notes what it was told."""

    def __init__(self) -> None:
        self.heard: list[bool] = []

    async def before_commit(self) -> None:
        """Do nothing."""

    async def after_commit(self, *, certain: bool) -> None:
        """Note how it ended."""
        self.heard.append(certain)


@pytest.mark.parametrize("state", ["40001", "40P01"])
async def test_lost_race_is_repeated_as_a_whole(database: Database, state: str) -> None:
    """The second attempt is a new transaction that finds nothing of the first."""
    attempts = 0

    async def closure(unit: UnitOfWork) -> None:
        nonlocal attempts
        attempts += 1
        await add(unit, attempts)
        if attempts < 3:
            await unit.session.execute(text(LOSE.format(state)))

    async def direct(unit: DirectUnit) -> None:
        nonlocal attempts
        attempts += 1
        await unit.connection.execute("INSERT INTO t VALUES ($1)", attempts)
        if attempts < 5:
            await unit.connection.execute(LOSE.format(state))

    await database.transact(closure)
    await database.transact_direct(direct)
    assert await rows(database) == [3, 5]


async def test_repetition_is_bounded_and_selective(database: Database) -> None:
    """Whoever always loses hears that it is busy; a broken constraint is not tried again."""
    attempts = 0

    async def lose(connection: "asyncpg.Connection") -> None:
        nonlocal attempts
        attempts += 1
        await connection.execute(LOSE.format("40001"))

    async def collide(unit: UnitOfWork) -> None:
        nonlocal attempts
        attempts += 1
        await unit.session.execute(text("INSERT INTO t VALUES (1), (1)"))

    with pytest.raises(Busy):
        await database.direct(lose, attempts=4)
    assert attempts == 4
    with pytest.raises(IntegrityError) as caught:
        await database.transact(collide)
    assert (attempts, constraint_of(caught.value)) == (5, "t_pkey")


async def test_deadlock_is_resolved_by_repetition(database: Database) -> None:
    """Two transactions that lock two rows in opposite order both end well."""
    await database.direct(lambda connection: connection.execute("INSERT INTO t VALUES (1), (2)"))
    both = asyncio.Barrier(2)
    begun = 0

    async def work(number: int) -> None:
        async def closure(unit: DirectUnit) -> None:
            nonlocal begun
            begun += 1
            first = begun <= 2
            touch = "UPDATE t SET n = coalesce(n, 0) + 1 WHERE id = $1"
            await unit.connection.execute(touch, number + 1)
            if first:
                await both.wait()
            await unit.connection.execute(touch, 2 - number)

        await database.transact_direct(closure)

    await at_once(2, work)
    total = await database.direct(lambda connection: connection.fetchval("SELECT sum(n) FROM t"))
    assert (total, begun) == (4, 3)


@pytest.mark.parametrize("fault", [Fault.RESET, Fault.STALL])
async def test_unknown_commit_is_neither_repeated_nor_success(
    database: Database, proxy: FaultProxy, fault: Fault
) -> None:
    """When COMMIT's answer is lost the caller hears so, once, and guards hear that nobody knows."""
    witness = Witness()
    attempts = 0

    async def closure(unit: UnitOfWork | DirectUnit) -> None:
        nonlocal attempts
        attempts += 1
        if isinstance(unit, DirectUnit):
            await unit.connection.execute("INSERT INTO t VALUES (1)")
        else:
            await unit.session.execute(text("INSERT INTO t VALUES (2)"))
        unit.watch(witness)
        await proxy.set(fault)

    with pytest.raises(Unavailable):
        await database.transact_direct(closure)
    await proxy.set(Fault.NONE)
    with pytest.raises(Unavailable):
        await database.transact(closure)
    assert (attempts, witness.heard) == (2, [False, False])


async def test_guards_of_every_attempt_hear_how_it_ended(database: Database) -> None:
    """A commit that the server refuses for a lost race is certain, and is repeated."""
    await database.direct(lambda connection: connection.execute("INSERT INTO t VALUES (1), (2)"))
    witness, both, begun = Witness(), asyncio.Barrier(2), 0

    async def work(number: int) -> None:
        async def closure(unit: DirectUnit) -> None:
            nonlocal begun
            begun += 1
            unit.watch(witness)
            first = begun <= 2
            await unit.connection.fetchval("SELECT sum(n) FROM t")
            statement = "UPDATE t SET n = 1 WHERE id = $1"
            await unit.connection.execute(statement, number + 1)
            if first:
                await both.wait()

        await database.transact_direct(closure, isolation=Isolation.SERIALIZABLE)

    await at_once(2, work)
    assert (begun, witness.heard) == (3, [True] * 3)


async def test_savepoints_nest(database: Database) -> None:
    """What a savepoint's block did is undone alone, at every depth."""

    async def fail_inside(unit: UnitOfWork) -> None:
        async with unit.savepoint():
            await add(unit, 3)
            await add(unit, 1)

    async def closure(unit: UnitOfWork) -> None:
        await add(unit, 1)
        async with unit.savepoint():
            await add(unit, 2)
            with pytest.raises(IntegrityError):
                await fail_inside(unit)
            await add(unit, 4)

    await database.transact(closure)
    assert await rows(database) == [1, 2, 4]


async def test_direct_work_leaves_the_pool_clean(database: Database) -> None:
    """Failed, cancelled and forgotten transactions leave no open one behind, and no rows."""
    insert = "INSERT INTO t VALUES (1)"

    async def fail(unit: DirectUnit) -> None:
        await unit.connection.execute(insert)
        raise ArithmeticError

    async def linger(unit: DirectUnit) -> None:
        await unit.connection.execute(insert)
        await asyncio.Event().wait()

    async def forget(connection: "asyncpg.Connection") -> None:
        await connection.execute(f"BEGIN; {insert}")

    for _ in range(3):
        with pytest.raises(ArithmeticError):
            await database.transact_direct(fail)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await database.transact_direct(linger)
        await database.direct(forget)
        assert await rows(database) == []


async def test_lingering_transaction_is_ended(database: Database) -> None:
    """PostgreSQL ends a transaction that does nothing: unavailable first, at work again then."""

    async def linger(unit: DirectUnit) -> None:
        await unit.connection.execute("INSERT INTO t VALUES (1)")
        async with asyncio.timeout(10):
            while not unit.connection.is_closed():  # noqa: ASYNC110 - the driver offers no event
                await asyncio.sleep(0.05)
        await unit.connection.execute("INSERT INTO t VALUES (2)")

    with pytest.raises(Unavailable):
        await database.transact_direct(linger)
    assert await rows(database) == []


async def test_direct_read_survives_a_lost_connection(
    database: Database, postgres_server: PostgresServer
) -> None:
    """A connection that is ended under a read is replaced once."""
    attempts = 0

    async def question(connection: "asyncpg.Connection") -> int:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            pid = connection.get_server_pid()
            await asyncio.to_thread(postgres_server.run, KILL.format(pid))
        return int(await connection.fetchval("SELECT 7"))

    assert (await database.read_direct(question), attempts) == (7, 2)
