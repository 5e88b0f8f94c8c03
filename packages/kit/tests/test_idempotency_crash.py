"""Kills and cuts at the moments that hurt: before COMMIT, and between COMMIT and the answer."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr
from sqlalchemy import MetaData, text

from acidkit.db import Database, DatabaseSettings, DirectUnit, make_engine
from acidkit.errors import Unavailable
from acidkit.idempotency import Idempotency, KeyInProgress, Reply, Ticket, idempotency_table
from acidkit.testing import Fault, FaultProxy, PostgresServer

pytestmark = pytest.mark.lab

TICKET = Ticket("user-1", "POST /orders", "k", bytes(32))
ADD = "INSERT INTO orders SELECT $12::int FROM claimed RETURNING 1"

# A holder in a process of its own: it says where it is and stays there.
HOLDER = """
import asyncio, sys
from pydantic import SecretStr
from acidkit.db import Database, DatabaseSettings, make_engine
from acidkit.idempotency import Idempotency, Reply, Ticket

async def main(url, place):
    settings = DatabaseSettings(url=SecretStr(url), idle_in_transaction_timeout=1)
    keys = Idempotency(Database(make_engine(settings)))

    async def stay(where):
        if place == where:
            print(where, flush=True)
            await asyncio.Event().wait()

    async def effect(unit):
        await unit.connection.execute("INSERT INTO orders VALUES (1)")
        await stay("before")
        return Reply(201, b"one")

    await keys.perform_direct(Ticket("user-1", "POST /orders", "k", bytes(32)), effect)
    await stay("after")

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The surviving replica."""
    made = Database(make_engine(DatabaseSettings(url=SecretStr(database_url))))
    metadata = MetaData()
    idempotency_table(metadata)
    async with made.engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
        await connection.execute(text("CREATE TABLE orders (id int PRIMARY KEY)"))
    yield made
    await made.close()


@asynccontextmanager
async def holder(url: str, place: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a process that holds the key and stays at `place`; kill it at the end."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, url, place, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert child.stdout
        async with asyncio.timeout(30):
            assert (await child.stdout.readline()).decode().strip() == place
        yield child
    finally:
        if child.returncode is None:
            child.kill()
        await child.communicate()


async def insisting(database: Database) -> Reply:
    """Repeat the request as a client does while it is told to come again."""
    keys = Idempotency(database)

    async def effect(unit: DirectUnit) -> Reply:
        await unit.connection.execute("INSERT INTO orders VALUES (2)")
        return Reply(201, b"two")

    async with asyncio.timeout(20):
        while True:
            try:
                return await keys.perform_direct(TICKET, effect)
            except KeyInProgress:
                await asyncio.sleep(0.05)


async def orders(database: Database) -> list[int]:
    """Return the orders."""
    found = await database.read_direct(lambda connection: connection.fetch("SELECT id FROM orders"))
    return [row["id"] for row in found]


async def test_killed_after_commit_is_repeated(database: Database, database_url: str) -> None:
    """The answer that a killed process could not give is given by another one."""
    async with holder(database_url, "after") as child:
        child.kill()
    assert await insisting(database) == Reply(201, b"one", replayed=True)
    assert await orders(database) == [1]


async def test_killed_before_commit_is_done_anew(database: Database, database_url: str) -> None:
    """Nothing of a killed process remains, and its key is free as soon as its connection ends."""
    async with holder(database_url, "before") as child:
        with pytest.raises(KeyInProgress):
            await Idempotency(database).perform_statement(TICKET, Reply(201, b"x"), ADD, 9)
        child.kill()
    assert await insisting(database) == Reply(201, b"two")
    assert await orders(database) == [2]


async def test_frozen_holder_loses_its_key(database: Database, database_url: str) -> None:
    """A frozen process keeps its connection, not its key: PostgreSQL ends the transaction."""
    async with holder(database_url, "before") as child:
        os.kill(child.pid, signal.SIGSTOP)
        assert await insisting(database) == Reply(201, b"two")
    assert await orders(database) == [2]


@pytest.mark.parametrize("fault", [Fault.RESET, Fault.STALL])
async def test_lost_commit_is_no_success_and_no_second_order(
    database: Database, database_url: str, postgres_server: PostgresServer, fault: Fault
) -> None:
    """When the wire is cut at COMMIT the client hears 503, and repeating it ends with one order."""
    assert postgres_server.socket
    async with FaultProxy(postgres_server.socket) as proxy:
        url = f"postgresql://postgres@127.0.0.1:{proxy.port}{urlsplit(database_url).path}"
        settings = DatabaseSettings(url=SecretStr(url), command_timeout=0.5)
        behind = Database(make_engine(settings))

        async def effect(unit: DirectUnit) -> Reply:
            await unit.connection.execute("INSERT INTO orders VALUES (1)")
            unit.watch(Cutter(proxy, fault))
            return Reply(201, b"one")

        with pytest.raises(Unavailable):
            await Idempotency(behind).perform_direct(TICKET, effect)
        await proxy.set(Fault.NONE)
        answer = await insisting(database)
        await behind.close()
    assert await orders(database) == ([1] if answer.replayed else [2])


class Cutter:
    """Breaks the wire just before COMMIT."""

    def __init__(self, proxy: FaultProxy, fault: Fault) -> None:
        self._proxy = proxy
        self._fault = fault

    async def before_commit(self) -> None:
        """Break it."""
        await self._proxy.set(self._fault)

    async def after_commit(self, *, certain: bool) -> None:
        """Nobody knows."""
        assert not certain
