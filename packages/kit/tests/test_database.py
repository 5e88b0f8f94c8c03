import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncSession

from acidkit import create_app
from acidkit.db import (
    Database,
    DatabaseSettings,
    Repository,
    UnitOfWorkDep,
    connection_url,
    constraint_of,
    make_engine,
)
from acidkit.errors import Busy, Conflict, InvalidInput, Unavailable
from acidkit.testing import Fault, FaultProxy, PostgresServer

pytestmark = pytest.mark.lab

SCHEMA = """
CREATE TABLE things (
    id int PRIMARY KEY,
    twin int CONSTRAINT things_twin_key UNIQUE DEFERRABLE INITIALLY DEFERRED
)
"""

KILL = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = '{}' AND pid <> pg_backend_pid()
"""

Open = Callable[..., Awaitable[Database]]


@pytest.fixture
async def proxy(database_url: str, postgres_server: PostgresServer) -> AsyncIterator[FaultProxy]:
    """A fault proxy in front of PostgreSQL, with the schema in the database behind it."""
    postgres_server.run(SCHEMA, url=database_url)
    assert postgres_server.socket
    async with FaultProxy(postgres_server.socket) as made:
        yield made


@pytest.fixture
async def connect(database_url: str, proxy: FaultProxy) -> AsyncIterator[Open]:
    """Open databases with settings of the test's choice, through the proxy."""
    name = urlsplit(database_url).path
    opened: list[Database] = []

    async def make(**options: float) -> Database:
        url = SecretStr(f"postgresql://postgres@127.0.0.1:{proxy.port}{name}")
        settings = DatabaseSettings.model_validate({"url": url, **options})
        opened.append(Database(make_engine(settings)))
        return opened[-1]

    yield make
    await proxy.set(Fault.NONE)
    for database in opened:
        await database.close()


async def number(session: AsyncSession) -> int:
    """Count the rows."""
    return int(await session.scalar(text("SELECT count(*) FROM things")) or 0)


async def insert(database: Database, row: int, twin: int | None = None) -> None:
    """Store one row in a transaction of its own."""
    async with database.unit_of_work() as unit:
        await unit.session.execute(
            text("INSERT INTO things VALUES (:id, :twin)"), {"id": row, "twin": twin}
        )


async def take_away(database: Database) -> None:
    """Change the first row's twin."""
    async with database.unit_of_work() as unit:
        await unit.session.execute(text("UPDATE things SET twin = 2 WHERE id = 1"))


async def test_work_is_committed_or_rolled_back(connect: Open) -> None:
    """A unit of work that ends well is stored, one that fails leaves nothing."""
    database = await connect()
    await insert(database, 1)

    async def fail() -> None:
        async with database.unit_of_work() as unit:
            await unit.session.execute(text("INSERT INTO things VALUES (2)"))
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        await fail()
    assert await database.read(number) == 1


async def test_constraint_is_named(connect: Open) -> None:
    """A repository can tell which rule was broken."""
    database = await connect()
    await insert(database, 1)
    with pytest.raises(IntegrityError) as caught:
        await insert(database, 1)
    assert constraint_of(caught.value) == "things_pkey"


async def test_answer_waits_for_the_commit(connect: Open) -> None:
    """A commit that fails is a failed request, never a 201 that was already given."""
    database = await connect()
    await insert(database, 1, twin=5)
    router = APIRouter()

    @router.post("/things", status_code=201)
    async def make(unit: UnitOfWorkDep) -> dict[str, bool]:
        await unit.session.execute(text("INSERT INTO things VALUES (2, 5)"))
        return {"stored": True}

    @asynccontextmanager
    async def resources(app: FastAPI) -> AsyncIterator[None]:
        app.state.database = database
        yield

    app = create_app(
        "Example",
        [router],
        version="1",
        registry=CollectorRegistry(),
        resources=resources,
        probes={},
    )
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t") as client,
    ):
        assert (await client.post("/things")).status_code == 500
    assert await database.read(number) == 1


class Witness:
    """A guard that notes what it was told."""

    def __init__(self) -> None:
        self.heard: list[object] = []

    async def before_commit(self) -> None:
        """Note that a commit is coming."""
        self.heard.append("before")

    async def after_commit(self, *, certain: bool) -> None:
        """Note how it ended."""
        self.heard.append(certain)


async def test_guard_stands_around_the_commit(connect: Open, proxy: FaultProxy) -> None:
    """A guard hears of a commit before and after it, and whether its outcome is known."""
    database = await connect(command_timeout=0.5)
    good, refused, unknown, never = Witness(), Witness(), Witness(), Witness()
    async with database.unit_of_work() as unit:
        await unit.session.execute(text("INSERT INTO things VALUES (1, 1)"))
        unit.watch(good)

    async def work(statement: str, guard: Witness, *, fault: Fault = Fault.NONE) -> None:
        async with database.unit_of_work() as unit:
            await unit.session.execute(text(statement))
            unit.watch(guard)
            await proxy.set(fault)

    async def give_up() -> None:
        async with database.unit_of_work() as unit:
            unit.watch(never)
            raise Conflict

    with pytest.raises(IntegrityError):
        await work("INSERT INTO things VALUES (2, 1)", refused)
    with pytest.raises(Unavailable):
        await work("INSERT INTO things VALUES (3)", unknown, fault=Fault.STALL)
    await proxy.set(Fault.NONE)
    with pytest.raises(Conflict):
        await give_up()
    assert [good.heard, refused.heard] == [["before", True], ["before", True]]
    assert [unknown.heard, never.heard] == [["before", False], []]


@pytest.mark.parametrize("fault", [Fault.REFUSE, Fault.RESET, Fault.STALL])
async def test_outage_is_said_soon_and_ends_by_itself(
    connect: Open, proxy: FaultProxy, fault: Fault
) -> None:
    """However PostgreSQL is gone, reads and writes fail in time and work again after it."""
    database = await connect(command_timeout=0.5, connect_timeout=0.5, pool_wait=0.5)
    await database.warm_up()
    await proxy.set(fault)
    begun = time.monotonic()
    with pytest.raises(Unavailable):
        await database.read(number)
    with pytest.raises(Unavailable):
        await insert(database, 1)
    assert time.monotonic() - begun < 8
    await proxy.set(Fault.NONE)
    await insert(database, 2)
    assert await database.read(number) >= 1


async def test_dropped_connections_are_not_seen(
    connect: Open, database_url: str, postgres_server: PostgresServer
) -> None:
    """Connections that the server closed, idle or under a read, cost no request."""
    database = await connect()
    name = urlsplit(database_url).path.removeprefix("/")
    kill = KILL.format(name)
    async with database.engine.connect() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
    await asyncio.to_thread(postgres_server.run, kill)
    async with asyncio.timeout(5):
        assert driver
        while not driver.is_closed():  # noqa: ASYNC110 - the driver offers nothing to wait for
            await asyncio.sleep(0.01)
    await insert(database, 1)
    attempts = 0

    async def once_cut(session: AsyncSession) -> int:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            await session.execute(text("SELECT 1"))
            await asyncio.to_thread(postgres_server.run, kill)
        return await number(session)

    assert await database.read(once_cut) == 1
    assert attempts == 2


async def test_full_pool_is_said_soon(connect: Open) -> None:
    """Whoever gets no connection in time hears that it is busy."""
    database = await connect(pool_size=1, pool_wait=0.1)
    async with database.unit_of_work() as unit:
        await unit.session.execute(text("SELECT 1"))
        with pytest.raises(Busy):
            await database.read(number)


async def test_waits_inside_postgresql_are_bounded(connect: Open) -> None:
    """A lock or a statement that takes too long ends as busy, not as a crash."""
    database = await connect(lock_timeout=0.1, statement_timeout=0.3)
    await insert(database, 1)
    async with database.unit_of_work() as unit:
        await unit.session.execute(text("UPDATE things SET twin = 1 WHERE id = 1"))
        with pytest.raises(Busy):
            await take_away(database)

    async def sleep(session: AsyncSession) -> None:
        await session.execute(text("SELECT pg_sleep(5)"))

    with pytest.raises(Busy):
        await database.read(sleep)


async def test_unfit_values_and_bugs_are_told_apart(connect: Open) -> None:
    """A value out of range is the client's, a wrong statement is ours."""
    database = await connect()

    async def overflow(session: AsyncSession) -> None:
        await session.execute(text("SELECT 2147483647::int + 1"))

    async def bug(session: AsyncSession) -> None:
        await session.execute(text("SELECT * FROM nowhere"))

    with pytest.raises(InvalidInput):
        await database.read(overflow)
    with pytest.raises(ProgrammingError):
        await database.read(bug)


async def test_database_that_is_not_there_is_unavailable(database_url: str) -> None:
    """A server that refuses the login is an outage, not a crash."""
    url = connection_url(database_url).set(database="missing").render_as_string(hide_password=False)
    database = Database(make_engine(DatabaseSettings(url=SecretStr(url))))
    with pytest.raises(Unavailable):
        await database.warm_up()
    await database.close()


def test_addresses_are_understood() -> None:
    """Usual spellings lead to the driver; others are refused without repeating them."""
    for text_ in ["postgres://u:p@h/d", "postgresql+psycopg2://u:p@h/d?sslmode=disable"]:
        url = connection_url(text_)
        assert url.drivername == "postgresql+asyncpg"
        assert url.password == "p"
    assert connection_url("postgres://h/d?sslmode=disable").query == {"ssl": "disable"}
    for wrong in ["mysql://u:hunter2@h/d", "hunter2"]:
        with pytest.raises(ValueError, match=r"database address|not a PostgreSQL") as caught:
            connection_url(wrong)
        assert "hunter2" not in str(caught.value)


def test_repository_keeps_its_session() -> None:
    """A repository speaks on the session that it was given."""
    session = AsyncSession()
    assert Repository(session)._session is session
