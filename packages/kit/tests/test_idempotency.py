import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr
from sqlalchemy import MetaData, text
from sqlalchemy.ext.asyncio import AsyncSession

from acidkit.db import (
    Database,
    DatabaseSettings,
    DirectUnit,
    Isolation,
    UnitOfWork,
    make_engine,
)
from acidkit.errors import Conflict, Unavailable
from acidkit.idempotency import (
    Idempotency,
    KeyInProgress,
    KeyReused,
    KeyStore,
    LeaseLost,
    NothingDone,
    Reaper,
    Reply,
    Ticket,
    fingerprint,
    idempotency_table,
    on_session,
)
from acidkit.testing import Fault, FaultProxy, PostgresServer, at_once

pytestmark = pytest.mark.lab

Act = Callable[[Idempotency, Ticket, int], Awaitable[Reply]]

ORDERS = "CREATE TABLE orders (id int PRIMARY KEY)"
TICKET = Ticket("user-1", "POST /orders", "k", fingerprint(b'{"a": 1}'))


def reply(number: int) -> Reply:
    """An answer that shows which attempt made it."""
    headers = (("Content-Type", "application/json"), ("Location", f"/orders/{number}"))
    return Reply(201, b'{"id": %d}' % number, headers)


async def by_session(keys: Idempotency, ticket: Ticket, number: int) -> Reply:
    """Order through the ORM's session."""

    async def effect(unit: UnitOfWork) -> Reply:
        await unit.session.execute(text("INSERT INTO orders VALUES (:id)"), {"id": number})
        return reply(number)

    return await keys.perform(ticket, effect)


async def by_driver(keys: Idempotency, ticket: Ticket, number: int) -> Reply:
    """Order through the driver's connection."""

    async def effect(unit: DirectUnit) -> Reply:
        await unit.connection.execute("INSERT INTO orders VALUES ($1)", number)
        return reply(number)

    return await keys.perform_direct(ticket, effect)


async def by_statement(keys: Idempotency, ticket: Ticket, number: int) -> Reply:
    """Order in one round trip."""
    statement = "INSERT INTO orders SELECT $12::int FROM claimed RETURNING 1"
    return await keys.perform_statement(ticket, reply(number), statement, number)


async def by_serializable(keys: Idempotency, ticket: Ticket, number: int) -> Reply:
    """Order where PostgreSQL itself refuses what could not happen one after the other."""

    async def effect(unit: UnitOfWork) -> Reply:
        await unit.session.execute(text("SELECT count(*) FROM orders"))
        await unit.session.execute(text("INSERT INTO orders VALUES (:id)"), {"id": number})
        return reply(number)

    return await keys.perform(ticket, effect, isolation=Isolation.SERIALIZABLE)


async def by_foretold(keys: Idempotency, ticket: Ticket, number: int) -> Reply:
    """Order with an answer that is kept before the effect, so that nothing is to be finished."""

    async def closure(unit: DirectUnit) -> Reply:
        claim = await keys.store.claim(unit.connection, ticket, reply=reply(number))
        if isinstance(claim, Reply):
            return claim
        await unit.connection.execute("INSERT INTO orders VALUES ($1)", number)
        return reply(number)

    return await keys.database.transact_direct(closure)


@pytest.fixture(params=[by_session, by_driver, by_statement, by_serializable, by_foretold])
def act(request: pytest.FixtureRequest) -> Act:
    """Each way of doing something once."""
    chosen: Act = request.param
    return chosen


@pytest.fixture
async def replicas(database_url: str) -> AsyncIterator[list[Database]]:
    """Two processes' worth of connections to one database that has the table of keys."""
    settings = DatabaseSettings(url=SecretStr(database_url), pool_size=12)
    made = [Database(make_engine(settings)) for _ in range(2)]
    metadata = MetaData()
    idempotency_table(metadata)
    async with made[0].engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
        await connection.execute(text(ORDERS))
    yield made
    for database in made:
        await database.close()


async def stored(database: Database) -> list[int]:
    """Return the orders."""

    async def question(session: AsyncSession) -> list[int]:
        return list(await session.scalars(text("SELECT id FROM orders ORDER BY id")))

    return await database.read(question)


async def test_repetition_is_answered_and_not_done(replicas: list[Database], act: Act) -> None:
    """The same request again gets the same status, body and headers, marked, and does nothing."""
    one, two = (Idempotency(database) for database in replicas)
    first = await act(one, TICKET, 1)
    again = await act(two, TICKET, 2)
    assert (first, again) == (reply(1), reply(1).again())
    assert again.response().body == first.response().body
    assert again.response().headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.response().headers
    assert await stored(replicas[0]) == [1]


async def test_key_stands_for_one_request_of_one_owner(replicas: list[Database], act: Act) -> None:
    """Another payload is refused; another owner's or operation's same key is another key."""
    keys = Idempotency(replicas[0])
    await act(keys, TICKET, 1)
    with pytest.raises(KeyReused):
        await act(keys, TICKET._replace(fingerprint=fingerprint(b'{"a": 2}')), 2)
    assert not (await act(keys, TICKET._replace(owner="user-2"), 3)).replayed
    assert not (await act(keys, TICKET._replace(operation="POST /refunds"), 4)).replayed
    assert await stored(replicas[0]) == [1, 3, 4]


async def test_many_at_once_do_it_once(replicas: list[Database], act: Act) -> None:
    """Of fifty simultaneous requests at two instances one is done; others repeat it or wait."""
    keys = [Idempotency(database) for database in replicas]
    for round_ in range(4):
        ticket = TICKET._replace(key=f"k{round_}")

        async def post(number: int, ticket: Ticket = ticket, round_: int = round_) -> str:
            try:
                answer = await act(keys[number % 2], ticket, round_ * 100 + number)
            except KeyInProgress as error:
                return f"wait {error.headers['Retry-After']}"
            return "again" if answer.replayed else "done"

        outcomes = await at_once(50, post)
        assert outcomes.count("done") == 1
        assert set(outcomes) <= {"done", "again", "wait 1"}
        assert (await act(keys[0], ticket, 99)).replayed
    assert len(await stored(replicas[0])) == 4


async def test_failed_effect_frees_its_key(replicas: list[Database]) -> None:
    """What an effect raises is not kept; what it returns is, also when it says no."""
    keys = Idempotency(replicas[0])

    async def refuse(unit: UnitOfWork) -> Reply:
        await unit.session.execute(text("INSERT INTO orders VALUES (1)"))
        raise Conflict

    async def decline(_: UnitOfWork) -> Reply:
        return Reply(402, b"declined")

    with pytest.raises(Conflict):
        await keys.perform(TICKET, refuse)
    assert await stored(replicas[0]) == []
    assert not (await keys.perform(TICKET, decline)).replayed
    assert await keys.perform(TICKET, refuse) == Reply(402, b"declined", replayed=True)


async def test_statement_that_finds_nothing_keeps_nothing(replicas: list[Database]) -> None:
    """A claim without its effect is taken back, and the key can be used."""
    keys = Idempotency(replicas[0])
    nothing = "INSERT INTO orders SELECT $12::int FROM claimed WHERE false RETURNING 1"
    with pytest.raises(NothingDone):
        await keys.perform_statement(TICKET, reply(1), nothing, 1)
    assert not (await by_statement(keys, TICKET, 2)).replayed


async def test_request_at_work_is_said_at_once(replicas: list[Database], act: Act) -> None:
    """While the first is at work a repetition waits for nothing: it is told to come again."""
    working, go_on = asyncio.Event(), asyncio.Event()
    one, two = (Idempotency(database) for database in replicas)

    async def slow(_: UnitOfWork) -> Reply:
        working.set()
        await go_on.wait()
        return reply(1)

    async with asyncio.TaskGroup() as group:
        first = group.create_task(one.perform(TICKET, slow))
        await working.wait()
        with pytest.raises(KeyInProgress):
            await act(two, TICKET, 2)
        go_on.set()
    assert not first.result().replayed
    assert await act(two, TICKET, 3) == reply(1).again()


async def test_committed_claim_is_a_lease(replicas: list[Database]) -> None:
    """A claim that outlives its transaction is obeyed until its lease ends, then taken over."""
    one, two = replicas
    holder = uuid.UUID(int=0)

    async def claim(database: Database, store: KeyStore, ticket: Ticket = TICKET) -> uuid.UUID:
        claimed = await database.transact(
            lambda unit: store.claim(on_session(unit.session), ticket)
        )
        assert isinstance(claimed, uuid.UUID)
        return claimed

    async def finish(database: Database, holder: uuid.UUID, number: int) -> None:
        await database.transact_direct(
            lambda unit: KeyStore().finish(unit.connection, TICKET, reply(number), holder=holder)
        )

    holder = await claim(one, KeyStore(lease=0.0))
    with pytest.raises(KeyReused):
        await claim(two, KeyStore(), TICKET._replace(fingerprint=bytes(32)))
    successor = await claim(two, KeyStore(lease=20))
    with pytest.raises(KeyInProgress) as caught:
        await claim(one, KeyStore())
    assert 15 <= int(caught.value.headers["Retry-After"]) <= 20
    with pytest.raises(LeaseLost):
        await finish(one, holder, 1)
    await finish(two, successor, 2)
    assert await by_session(Idempotency(one), TICKET, 3) == reply(2).again()


async def test_kept_answers_expire_and_are_reaped(
    replicas: list[Database], act: Act, database_url: str, postgres_server: PostgresServer
) -> None:
    """A key older than a day stands for nothing, and such rows go in bounded batches."""
    store = KeyStore()
    keys = Idempotency(replicas[0], store)
    old = "UPDATE idempotency_keys SET created_at = now() - interval '24 hours 1 second'"
    await act(keys, TICKET, 1)
    postgres_server.run(old, url=database_url)
    other = TICKET._replace(fingerprint=bytes(32))
    assert await act(keys, other, 2) == reply(2)
    for number in range(5):
        await act(keys, TICKET._replace(key=str(number)), number + 10)
    postgres_server.run(old + " WHERE key <> 'k'", url=database_url)
    reaper = Reaper(replicas[0], store, batch=2, batches=2)
    assert [await reaper.turn(), await reaper.turn(), await reaper.turn()] == [4, 1, 0]
    assert (await act(keys, other, 3)).replayed


async def test_reaper_outlives_an_outage(
    replicas: list[Database], database_url: str, postgres_server: PostgresServer
) -> None:
    """A turn that finds no database is followed by one that does the work."""
    await by_session(Idempotency(replicas[0]), TICKET, 1)
    old = "UPDATE idempotency_keys SET created_at = now() - interval '2 days'"
    postgres_server.run(old, url=database_url)
    assert postgres_server.socket
    async with FaultProxy(postgres_server.socket) as proxy:
        await proxy.set(Fault.REFUSE)
        url = f"postgresql://postgres@127.0.0.1:{proxy.port}{urlsplit(database_url).path}"
        database = Database(make_engine(DatabaseSettings(url=SecretStr(url))))
        reaper = Reaper(database, KeyStore(), period=0.02)
        with pytest.raises(Unavailable):
            await reaper.turn()
        task = asyncio.create_task(reaper.run())
        await proxy.set(Fault.NONE)
        async with asyncio.timeout(10):
            while (
                await asyncio.to_thread(
                    postgres_server.run, "SELECT count(*) FROM idempotency_keys", url=database_url
                )
                != "0"
            ):
                assert not task.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await database.close()
