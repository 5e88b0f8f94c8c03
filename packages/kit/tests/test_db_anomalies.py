"""The four ways in which correct-looking transactions destroy data together (TX1).

Each is shown to happen at the database's default isolation, so that the guard is known to be one.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, NamedTuple

import pytest
from pydantic import SecretStr

from acidkit.db import Database, DatabaseSettings, DirectUnit, Isolation, UnitOfWork, make_engine
from acidkit.errors import Busy
from acidkit.idempotency import Executor, on_session
from acidkit.testing import PostgresServer, at_once

pytestmark = pytest.mark.lab

Say = Callable[..., Awaitable[int]]
Meet = Callable[[], Awaitable[None]]


class Meeting:
    """Lets the first two arrivals go on together, and everybody later at once."""

    def __init__(self) -> None:
        self.arrivals = 0
        self._both = asyncio.Event()

    async def meet(self) -> None:
        """Wait for the other one."""
        self.arrivals += 1
        if self.arrivals == 2:
            self._both.set()
        await self._both.wait()


class Anomaly(NamedTuple):
    """A workload of two transactions, and what is left after it goes wrong or right."""

    setup: str
    act: Callable[[Say, Meet, int], Awaitable[None]]
    question: str
    wrong: str
    right: str
    cure: Isolation


async def count_up(say: Say, meet: Meet, _number: int) -> None:
    """Read, add one in the program, write: the update of the other is lost."""
    before = await say("SELECT n FROM t WHERE id = 1")
    await meet()
    await say("UPDATE t SET n = $1::int WHERE id = 1 RETURNING n", before + 1)


async def go_off_call(say: Say, meet: Meet, number: int) -> None:
    """Leave only if somebody else stays: both see the other one stay (write skew)."""
    on_call = await say("SELECT count(*) FROM t WHERE n = 1")
    await meet()
    if on_call > 1:
        await say("UPDATE t SET n = 0 WHERE id = $1::int RETURNING n", number + 1)


async def book(say: Say, meet: Meet, number: int) -> None:
    """Book the room if nobody has: neither sees the row that is not there yet (phantom)."""
    booked = await say("SELECT count(*) FROM t WHERE n BETWEEN 9 AND 10")
    await meet()
    if not booked:
        await say("INSERT INTO t VALUES ($1::int, 10) RETURNING n", number + 1)


async def spend(say: Say, meet: Meet, number: int) -> None:
    """Spend what the ledger holds: both spend the same money (double spend)."""
    balance = await say("SELECT sum(n) FROM t")
    await meet()
    if balance >= 100:
        await say("INSERT INTO t VALUES ($1::int, -100) RETURNING n", number + 2)


ANOMALIES = {
    "lost-update": Anomaly(
        "INSERT INTO t VALUES (1, 0)",
        count_up,
        "SELECT n FROM t",
        "1",
        "2",
        Isolation.REPEATABLE_READ,
    ),
    "write-skew": Anomaly(
        "INSERT INTO t VALUES (1, 1), (2, 1)",
        go_off_call,
        "SELECT sum(n) FROM t",
        "0",
        "1",
        Isolation.SERIALIZABLE,
    ),
    "phantom": Anomaly("SELECT", book, "SELECT count(*) FROM t", "2", "1", Isolation.SERIALIZABLE),
    "double-spend": Anomaly(
        "INSERT INTO t VALUES (1, 100)",
        spend,
        "SELECT sum(n) FROM t",
        "-100",
        "0",
        Isolation.SERIALIZABLE,
    ),
}


@pytest.fixture
async def databases(
    database_url: str, postgres_server: PostgresServer
) -> AsyncIterator[list[Database]]:
    """Two processes' worth of connections."""
    postgres_server.run("CREATE TABLE t (id int PRIMARY KEY, n int)", url=database_url)
    settings = DatabaseSettings(url=SecretStr(database_url))
    made = [Database(make_engine(settings)) for _ in range(2)]
    yield made
    for database in made:
        await database.close()


def saying(executor: Executor) -> Say:
    """Return what says a statement and returns the first number of its answer."""

    async def say(statement: str, *values: object) -> int:
        return int((await executor.fetchrow(statement, *values))[0])

    return say


async def by_session(
    database: Database, work: Callable[[Say], Awaitable[None]], isolation: Isolation | None
) -> None:
    """Run `work` in a session's transaction."""

    async def closure(unit: UnitOfWork) -> None:
        await work(saying(on_session(unit.session)))

    await database.transact(closure, isolation=isolation)


async def by_driver(
    database: Database, work: Callable[[Say], Awaitable[None]], isolation: Isolation | None
) -> None:
    """Run `work` in a transaction on the driver's connection."""

    async def closure(unit: DirectUnit) -> None:
        await work(saying(unit.connection))

    await database.transact_direct(closure, isolation=isolation)


Run = Callable[
    [Database, Callable[[Say], Awaitable[None]], Isolation | None], Coroutine[Any, Any, None]
]


@pytest.mark.parametrize("run", [by_session, by_driver])
@pytest.mark.parametrize("name", ANOMALIES)
async def test_anomaly_happens_unless_isolated_and_repeated(
    databases: list[Database],
    database_url: str,
    postgres_server: PostgresServer,
    name: str,
    run: Run,
) -> None:
    """Two transactions that go wrong together at the default end well where they are isolated."""
    anomaly = ANOMALIES[name]

    async def play(isolation: Isolation | None) -> tuple[str, int]:
        postgres_server.run(f"TRUNCATE t; {anomaly.setup}", url=database_url)
        meeting = Meeting()

        async def one(number: int) -> None:
            await run(
                databases[number], lambda say: anomaly.act(say, meeting.meet, number), isolation
            )

        await at_once(2, one)
        return postgres_server.run(anomaly.question, url=database_url), meeting.arrivals

    assert await play(None) == (anomaly.wrong, 2)
    left, arrivals = await play(anomaly.cure)
    assert left == anomaly.right
    assert arrivals > 2


async def test_contention_keeps_the_sum(
    databases: list[Database], database_url: str, postgres_server: PostgresServer
) -> None:
    """Sixty transfers among four accounts overdraw none and lose nothing; some may end as busy."""
    fill = "INSERT INTO t SELECT i, 100 FROM generate_series(0, 3) AS i"
    postgres_server.run(fill, url=database_url)

    async def transfer(number: int) -> int:
        source, target, amount = number % 4, (number * 7 + 1) % 4, 40

        async def closure(unit: UnitOfWork) -> None:
            say = saying(on_session(unit.session))
            if await say("SELECT n FROM t WHERE id = $1::int", source) >= amount:
                move = "UPDATE t SET n = n + $2::int WHERE id = $1::int RETURNING n"
                await say(move, source, -amount)
                await say(move, target, amount)

        try:
            await databases[number % 2].transact(closure, isolation=Isolation.SERIALIZABLE)
        except Busy:
            return 0
        return 1

    ended = sum(await at_once(60, transfer))
    assert postgres_server.run("SELECT sum(n), min(n) >= 0 FROM t", url=database_url) == "400|t"
    assert ended > 0
