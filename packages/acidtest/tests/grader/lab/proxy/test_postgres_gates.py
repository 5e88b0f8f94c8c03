import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import asyncpg
import psycopg
import pytest
import pytest_asyncio

from acidtest.core.clock import RunClock
from acidtest.grader.lab.journal import Journal
from acidtest.grader.lab.postgres import Cluster
from acidtest.grader.lab.proxy import Door, GatePredicateError, PostgresProxy, Statement

LOST = (ConnectionError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError)

Connect = Callable[[], Coroutine[Any, Any, Any]]

pytestmark = [pytest.mark.lab, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(loop_scope="module")
async def direct(cluster: Cluster) -> AsyncIterator[Any]:
    """A connection past the proxy, and an empty table `t`."""
    connection = await cluster.connect()
    await connection.execute("DROP TABLE IF EXISTS t; CREATE TABLE t (id int PRIMARY KEY, v text)")
    yield connection
    connection.terminate()


@pytest_asyncio.fixture(loop_scope="module")
async def proxy(
    cluster: Cluster, journal: Journal, clock: RunClock, listening: socket.socket, direct: Any
) -> AsyncIterator[PostgresProxy]:
    """A proxy before the cluster."""
    del direct
    door = Door(*cluster.candidate, cluster.database)
    relay = PostgresProxy(cluster.socket_path, journal=journal, clock=clock, door=door)
    await relay.serve(listening, replica="replica-1")
    yield relay
    await relay.close()
    assert relay.failures == []


@pytest.fixture
def dsn(cluster: Cluster, listening: socket.socket) -> str:
    """The address a service gets."""
    port = listening.getsockname()[1]
    return cluster.candidate.url(cluster.database, host="127.0.0.1", port=port)


@pytest_asyncio.fixture(loop_scope="module")
async def connect(proxy: PostgresProxy, dsn: str) -> AsyncIterator[Connect]:
    """Makes connections through the proxy, which end with the test."""
    del proxy
    made: list[Any] = []

    async def make() -> Any:
        made.append(await asyncpg.connect(dsn, timeout=5))
        return made[-1]

    yield make
    for connection in made:
        connection.terminate()


def is_insert(statement: Statement) -> bool:
    """Whether it inserts."""
    return statement.keyword == "INSERT"


async def rows(direct: Any) -> int:
    """Rows of `t`, past the proxy."""
    count: int = await direct.fetchval("SELECT count(*) FROM t")
    return count


@pytest.mark.parametrize("text", ["INSERT INTO t VALUES (1)", "INSERT INTO t VALUES ($1)"])
async def test_held_write_reaches_the_server_only_when_let_go(
    text: str, proxy: PostgresProxy, connect: Connect, direct: Any
) -> None:
    """A gate keeps a write from the server, in either protocol, until it is released."""
    client = await connect()
    values = (1,) if "$1" in text else ()
    async with proxy.gate(lambda s: s.makes_durable) as gate:
        writing = asyncio.create_task(client.execute(text, *values))
        assert await gate.reached()
        assert gate.held[0].text == text
        assert await rows(direct) == 0
        assert not writing.done()
        gate.release()
        assert await writing == "INSERT 0 1"
    assert await rows(direct) == 1


async def test_leaving_the_gate_lets_everything_go(proxy: PostgresProxy, connect: Connect) -> None:
    """Whatever a check forgets at a gate goes on when its block ends."""
    client = await connect()
    async with proxy.gate(is_insert) as gate:
        writing = asyncio.create_task(client.execute("INSERT INTO t VALUES (1)"))
        assert await gate.reached()
    assert await asyncio.wait_for(writing, 5) == "INSERT 0 1"


async def test_cut_before_commit_leaves_nothing(
    proxy: PostgresProxy, connect: Connect, direct: Any
) -> None:
    """A connection cut before its COMMIT leaves no row, and its client sees a broken connection."""
    client = await connect()
    async with proxy.gate(lambda s: s.is_commit) as gate:

        async def write() -> None:
            async with client.transaction():
                await client.execute("INSERT INTO t VALUES ($1)", 1)

        writing = asyncio.create_task(write())
        assert await gate.reached()
        gate.cut()
        with pytest.raises(LOST):
            await writing
    assert await rows(direct) == 0


@pytest.mark.parametrize("explicit", [True, False])
async def test_forward_and_cut_commits_without_the_client_hearing(
    *,
    explicit: bool,
    proxy: PostgresProxy,
    connect: Connect,
    direct: Any,
) -> None:
    """The server commits, the client is cut off without an answer, and the gate knows both."""
    client = await connect()
    async with proxy.gate(lambda s: s.makes_durable) as gate:

        async def write() -> None:
            if not explicit:
                await client.execute("INSERT INTO t VALUES ($1)", 1)
                return
            async with client.transaction():
                await client.execute("INSERT INTO t VALUES ($1)", 1)

        writing = asyncio.create_task(write())
        assert await gate.reached()
        assert await rows(direct) == 0
        assert await gate.forward_and_cut() is True
        assert await rows(direct) == 1
        with pytest.raises(LOST):
            await writing


async def test_nth_statement_is_found_by_skipping(
    proxy: PostgresProxy, connect: Connect, direct: Any
) -> None:
    """A gate that skips two matches cuts before the third statement."""
    client = await connect()
    async with proxy.gate(is_insert, skip=2) as gate:

        async def write() -> None:
            for number in range(5):
                await client.execute("INSERT INTO t VALUES ($1)", number)

        writing = asyncio.create_task(write())
        assert await gate.reached()
        gate.cut()
        with pytest.raises(LOST):
            await writing
        assert gate.matched == 3
    assert await rows(direct) == 2


async def test_many_are_gathered_before_any_goes_on(
    proxy: PostgresProxy, connect: Connect, direct: Any
) -> None:
    """A gate that holds eight writers makes their check-then-insert race happen every time."""
    clients = [await connect() for _ in range(8)]

    async def create(client: Any) -> bool:
        if await client.fetchval("SELECT count(*) FROM t WHERE v = $1", "same"):
            return False
        number = await client.fetchval("SELECT nextval('s')")
        await client.execute("INSERT INTO t VALUES ($1, 'same')", number)
        return True

    await direct.execute("CREATE SEQUENCE IF NOT EXISTS s")
    async with proxy.gate(is_insert, count=8) as gate, asyncio.TaskGroup() as tasks:
        made = [tasks.create_task(create(client)) for client in clients]
        assert await gate.reached(8)
        gate.release()
    assert [task.result() for task in made] == [True] * 8


async def test_release_one_by_one(proxy: PostgresProxy, connect: Connect, direct: Any) -> None:
    """Held statements can be let go singly, oldest first, while the gate goes on holding others."""
    clients = [await connect() for _ in range(3)]
    async with proxy.gate(is_insert, count=None) as gate:
        writes = []
        for number, client in enumerate(clients):
            writes.append(asyncio.create_task(client.execute("INSERT INTO t VALUES ($1)", number)))
            assert await gate.reached(number + 1)
        gate.release(1)
        await writes[0]
        assert await rows(direct) == 1
        assert len(gate.held) == 2
        gate.release()
        await asyncio.wait(writes, timeout=5)
        assert await rows(direct) == 3


async def test_held_select_sees_what_was_committed_meanwhile(
    proxy: PostgresProxy, dsn: str, direct: Any
) -> None:
    """A held statement takes its snapshot when it is let go, not when it was bound."""
    client = await psycopg.AsyncConnection.connect(dsn, autocommit=True)
    async with client, proxy.gate(lambda s: s.mentions("t")) as gate:
        counting = client.execute("SELECT count(*) FROM t WHERE id > %s", (0,))
        reading = asyncio.create_task(counting)
        assert await gate.reached()
        await direct.execute("INSERT INTO t VALUES (1)")
        gate.release()
        assert await (await reading).fetchone() == (1,)


async def test_held_answer_is_old_when_it_comes(
    proxy: PostgresProxy, connect: Connect, direct: Any
) -> None:
    """A reply gate lets the server read first and the client hear later, after another's write."""
    client = await connect()
    async with proxy.gate(lambda s: s.mentions("t"), side="reply") as gate:
        reading = asyncio.create_task(client.fetchval("SELECT count(*) FROM t"))
        assert await gate.reached()
        await direct.execute("INSERT INTO t VALUES (1)")
        assert not reading.done()
        gate.release()
        assert await reading == 0


@pytest.mark.parametrize("explicit", [True, False])
async def test_answer_of_a_commit_is_held_after_it_was_made(
    *,
    explicit: bool,
    proxy: PostgresProxy,
    connect: Connect,
    direct: Any,
) -> None:
    """When a reply gate is reached the work is committed, and a cut there keeps it so."""
    client = await connect()
    async with proxy.gate(lambda s: s.makes_durable, side="reply") as gate:

        async def write() -> None:
            async with client.transaction() if explicit else asyncio.timeout(5):
                await client.execute("INSERT INTO t VALUES ($1)", 1)

        writing = asyncio.create_task(write())
        assert await gate.reached()
        assert await rows(direct) == 1
        gate.cut()
        with pytest.raises(LOST):
            await writing


async def test_answer_larger_than_what_is_kept_is_still_held(
    proxy: PostgresProxy, connect: Connect
) -> None:
    """A held answer of megabytes is not read into memory, and is whole once it is let go."""
    client = await connect()
    async with proxy.gate(lambda s: "generate_series" in s.text, side="reply") as gate:
        query = "SELECT repeat('x', 1000) FROM generate_series(1, 5000)"
        reading = asyncio.create_task(client.fetch(query))
        assert await gate.reached()
        assert not reading.done()
        gate.release()
        assert len(await reading) == 5000


async def test_gate_times_out_without_a_match(proxy: PostgresProxy, connect: Connect) -> None:
    """Waiting for what never comes ends with False at the deadline."""
    client = await connect()
    async with proxy.gate(is_insert) as gate:
        await client.execute("SELECT 1")
        assert await gate.reached(timeout=0.05) is False


async def test_predicate_that_raises_voids_the_check(
    proxy: PostgresProxy, connect: Connect
) -> None:
    """A broken predicate holds nothing, disturbs nobody, and shows when the check waits."""
    client = await connect()

    def broken(statement: Statement) -> bool:
        raise KeyError(statement.text)

    async with proxy.gate(broken) as gate:
        assert await client.fetchval("SELECT 1") == 1
        with pytest.raises(GatePredicateError):
            await gate.reached()


async def test_gates_leave_marks(proxy: PostgresProxy, connect: Connect, journal: Journal) -> None:
    """What a gate held, let go and cut can be read in the journal."""
    client = await connect()
    async with proxy.gate(is_insert) as gate:
        writing = asyncio.create_task(client.execute("INSERT INTO t VALUES (1)"))
        assert await gate.reached()
        gate.release()
        await writing
    marks = [mark.text for mark in journal.faults()]
    assert marks == ["held INSERT INTO t VALUES (1)", "let go INSERT INTO t VALUES (1)"]


async def test_client_gone_while_held(proxy: PostgresProxy, connect: Connect, direct: Any) -> None:
    """A held write of a client that closed its connection can still be let through."""
    client = await connect()
    async with proxy.gate(is_insert) as gate:
        writing = asyncio.create_task(client.execute("INSERT INTO t VALUES (1)"))
        assert await gate.reached()
        client.terminate()
        with pytest.raises((*LOST, asyncio.CancelledError)):
            await writing
    deadline = asyncio.get_running_loop().time() + 5
    while await rows(direct) == 0:
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.01)


async def test_slowness_is_per_round_trip(proxy: PostgresProxy, connect: Connect) -> None:
    """A delay is paid once per round trip, however many rows come back, and ends with its block."""
    client = await connect()
    loop = asyncio.get_running_loop()
    async with proxy.slowed(0.1):
        start = loop.time()
        await client.execute("SELECT repeat('x', 1000) FROM generate_series(1, 2000)")
        slow = loop.time() - start
    assert 0.1 <= slow < 2
    start = loop.time()
    await client.execute("SELECT 1")
    assert loop.time() - start < 0.1


async def test_stall_loses_nothing(proxy: PostgresProxy, connect: Connect, direct: Any) -> None:
    """Pooled connections that met a stall answer afterwards; nothing was dropped or done twice."""
    clients = [await connect() for _ in range(5)]
    async with proxy.stalled():
        writes = [
            asyncio.create_task(client.execute("INSERT INTO t VALUES ($1)", number))
            for number, client in enumerate(clients)
        ]
        joining = asyncio.create_task(connect())
        done, _ = await asyncio.wait([*writes, joining], timeout=0.2)
        assert not done
        assert await rows(direct) == 0
    await asyncio.wait([*writes, joining], timeout=5)
    assert await rows(direct) == 5
    assert await joining.result().fetchval("SELECT 1") == 1


async def test_refusal_is_a_closed_port(proxy: PostgresProxy, connect: Connect) -> None:
    """Refused means refused: no connection is accepted, live ones are reset, healing is at once."""
    client = await connect()
    async with proxy.refused():
        with pytest.raises(ConnectionRefusedError):
            await connect()
        with pytest.raises(LOST):
            await client.fetchval("SELECT 1")
    assert await (await connect()).fetchval("SELECT 1") == 1
