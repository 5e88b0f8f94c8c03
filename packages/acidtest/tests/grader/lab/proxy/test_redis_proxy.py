import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from acidtest.core.clock import RunClock
from acidtest.grader.lab.journal import Journal
from acidtest.grader.lab.proxy import RedisProxy
from acidtest.grader.lab.redis_server import RedisServer

pytestmark = [pytest.mark.lab, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(loop_scope="module")
async def proxy(
    redis_server: RedisServer, journal: Journal, clock: RunClock, listening: socket.socket
) -> AsyncIterator[RedisProxy]:
    """A proxy before an empty Redis."""
    await redis_server.flush()
    relay = RedisProxy(redis_server.socket_path, journal=journal, clock=clock)
    await relay.serve(listening, replica="replica-1")
    yield relay
    await relay.close()
    assert relay.failures == []
    assert relay.open_now == 0


def connect(port: int, *, protocol: int = 2, **options: object) -> redis.asyncio.Redis:
    """A client that neither retries nor waits for ever."""
    return redis.asyncio.Redis(
        host="127.0.0.1",
        port=port,
        protocol=protocol,
        socket_timeout=5,
        retry=Retry(NoBackoff(), 0),
        **options,  # type: ignore[arg-type]  # a few named options of each test
    )


@pytest_asyncio.fixture(loop_scope="module", params=[2, 3])
async def client(
    proxy: RedisProxy, listening: socket.socket, request: pytest.FixtureRequest
) -> AsyncIterator[redis.asyncio.Redis]:
    """A client through the proxy, in each version of the protocol."""
    del proxy
    made = connect(listening.getsockname()[1], protocol=request.param)
    yield made
    await made.aclose()


async def raw(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A bare connection through the proxy."""
    return await asyncio.open_connection("127.0.0.1", port)


def seen(journal: Journal) -> list[tuple[str, ...]]:
    """Commands in the journal, but for what client libraries say of themselves."""
    return [
        (command.command, *command.arguments)
        for command in journal.redis()
        if command.command not in {"HELLO", "CLIENT"}
    ]


async def test_commands_hits_and_misses(client: Any, proxy: RedisProxy, journal: Journal) -> None:
    """Every command is recorded with its key, its time to live, and whether something was there."""
    assert await client.get("books:1") is None
    await client.set("books:1", "x" * 500, ex=60)
    assert await client.get("books:1") == b"x" * 500
    await client.mget("books:1", "books:2")
    await client.hgetall("users:1")
    miss, write, hit, many, empty = [
        c for c in journal.redis() if c.command not in {"HELLO", "CLIENT"}
    ]
    assert (miss.command, miss.arguments, miss.hit, miss.reply) == (
        "GET",
        ("books:1",),
        False,
        "nil",
    )
    assert write.arguments == ("books:1", "x" * 200 + "…", "EX", "60")
    assert (write.reply, write.hit) == ("OK", None)
    assert (hit.hit, hit.reply, hit.replica) == (True, "500 bytes", "replica-1")
    assert (many.hit, empty.hit) == (False, False)
    assert (proxy.hits("books:"), proxy.misses("books:"), proxy.misses("users:")) == (2, 2, 1)


async def test_transaction_replies_are_told_apart(
    client: Any, proxy: RedisProxy, journal: Journal
) -> None:
    """Reads queued in MULTI count as hits and misses by their part of EXEC's reply."""
    await client.set("a", 1)
    async with client.pipeline(transaction=True) as pipe:
        assert await pipe.get("a").get("b").execute() == [b"1", None]
    assert seen(journal)[1:] == [("MULTI",), ("GET", "a"), ("GET", "b"), ("EXEC",)]
    assert (proxy.hits(), proxy.misses()) == (1, 1)


async def test_abandoned_transaction_was_not_run(client: Any, journal: Journal) -> None:
    """When a watched key changed, what was queued is recorded as not run."""
    async with client.pipeline(transaction=True) as pipe:
        await pipe.watch("w")
        await client.set("w", 1)
        pipe.multi()
        pipe.set("x", 1)
        with pytest.raises(redis.exceptions.WatchError):
            await pipe.execute()
    queued = [c for c in journal.redis() if c.arguments[:1] == ("x",)]
    assert [c.reply for c in queued] == ["not run"]


async def test_pipeline_of_many(client: Any, proxy: RedisProxy) -> None:
    """Thousands of pipelined commands and large values keep their order and their replies."""
    async with client.pipeline(transaction=False) as pipe:
        for number in range(2000):
            pipe.set(f"k{number}", "v" * (number % 50))
            pipe.get(f"k{number}")
        replies = await pipe.execute()
    assert replies[1::2] == [b"v" * (number % 50) for number in range(2000)]
    assert proxy.hits("k") == 2000


async def test_large_values_pass(client: Any, journal: Journal) -> None:
    """Values of megabytes pass both ways, and the command after them is still understood."""
    large = bytes(range(256)) * 20_000
    async with client.pipeline(transaction=False) as pipe:
        pipe.set("large", large, px=90_000)
        pipe.get("large")
        pipe.get("small")
        _, value, nothing = await pipe.execute()
    assert value == large
    assert nothing is None
    assert [command for command, *_ in seen(journal)] == ["SET", "GET", "GET"]
    assert journal.redis()[-2].reply == f"{len(large)} bytes"


async def test_errors_are_recorded(client: Any, journal: Journal) -> None:
    """A refused command carries the server's words, and is no hit."""
    await client.lpush("list", "x")
    with pytest.raises(ResponseError):
        await client.get("list")
    wrong = journal.redis()[-1]
    assert wrong.reply.startswith("error WRONGTYPE")
    assert wrong.hit is None


async def test_subscription_passes(client: Any, proxy: RedisProxy, journal: Journal) -> None:
    """A subscriber gets its messages; its connection is no longer read, and breaks nothing."""
    async with client.pubsub() as channel:
        await channel.subscribe("news")
        assert (await channel.get_message(timeout=5) or {})["type"] == "subscribe"
        await client.publish("news", "hello")
        message = await channel.get_message(timeout=5) or {}
        assert (message["type"], message["data"]) == ("message", b"hello")
        assert ("SUBSCRIBE", "news") in seen(journal)
    assert proxy.failures == []


@pytest.mark.usefixtures("proxy")
async def test_inline_and_split_commands(listening: socket.socket, journal: Journal) -> None:
    """Words typed by hand, and commands that come byte by byte, are read like any others."""
    reader, writer = await raw(listening.getsockname()[1])
    writer.write(b"SET greeting hello\r\nGET greeting\r\n")
    assert await asyncio.wait_for(reader.readexactly(16), 5) == b"+OK\r\n$5\r\nhello\r\n"
    for byte in b"*2\r\n$3\r\nGET\r\n$8\r\ngreeting\r\n":
        writer.write(bytes((byte,)))
        await writer.drain()
        await asyncio.sleep(0)
    assert await asyncio.wait_for(reader.readexactly(11), 5) == b"$5\r\nhello\r\n"
    writer.close()
    assert seen(journal) == [("SET", "greeting", "hello"), ("GET", "greeting"), ("GET", "greeting")]


@pytest.mark.usefixtures("proxy")
async def test_nonsense_is_cut_off(listening: socket.socket) -> None:
    """Bytes that are no commands end their connection and disturb no other."""
    reader, writer = await raw(listening.getsockname()[1])
    writer.write(b"*3\r\nnonsense\r\n")
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(reader.read(), 5)
    writer.close()


@pytest.mark.parametrize("protocol", [2, 3])
async def test_open_door_takes_any_password(
    protocol: int, proxy: RedisProxy, journal: Journal
) -> None:
    """At an open door any password is right, in order with what is pipelined; none is recorded."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        await proxy.serve(door, replica="replica-2", open_door=True)
        for login in ({"password": "s3cret"}, {"username": "app", "password": "s3cret"}):
            client = connect(door.getsockname()[1], protocol=protocol, **login)
            assert await client.set("a", 1) is True
            assert await client.get("a") == b"1"
            await client.aclose()
        reader, writer = await raw(door.getsockname()[1])
        writer.write(b"SET k v\r\nAUTH s3cret\r\nGET k\r\n")
        assert await asyncio.wait_for(reader.readexactly(17), 5) == b"+OK\r\n+OK\r\n$1\r\nv\r\n"
        writer.close()
    assert proxy.by_open_door == 3
    assert not any("s3cret" in " ".join(command.arguments) for command in journal.redis())


@pytest.mark.usefixtures("proxy")
async def test_closed_door_does_not(listening: socket.socket) -> None:
    """At an ordinary listener a password is the server's to refuse."""
    client = connect(listening.getsockname()[1], password="s3cret")
    with pytest.raises((ResponseError, RedisConnectionError)):
        await client.ping()
    await client.aclose()


async def test_held_set_makes_the_stale_value_race(client: Any, proxy: RedisProxy) -> None:
    """A reader's SET can be held until after another's DEL, so that it fills in what is old."""
    await client.set("k", "old")
    async with proxy.gate(lambda c: c.command == "SET" and c.touches("k")) as gate:
        filling = asyncio.create_task(client.set("k", "old", ex=60))
        assert await gate.reached()
        assert gate.held[0].ttl == 60
        assert await client.delete("k") == 1
        assert await client.get("k") is None
        gate.release()
        await filling
    assert await client.get("k") == b"old"


async def test_held_reply_is_old_when_it_comes(client: Any, proxy: RedisProxy) -> None:
    """A reply gate lets the server answer first and the client hear later."""
    await client.set("k", "old")
    async with proxy.gate(lambda c: c.command == "GET", side="reply") as gate:
        reading = asyncio.create_task(client.get("k"))
        assert await gate.reached()
        await client.set("k", "new")
        assert not reading.done()
        gate.release()
        assert await reading == b"old"
    assert await client.get("k") == b"new"


async def test_forward_and_cut(client: Any, proxy: RedisProxy) -> None:
    """The server does the command, its client is cut off without a reply."""
    async with proxy.gate(lambda c: c.command.startswith("INCR")) as gate:
        counting = asyncio.create_task(client.incr("n"))
        assert await gate.reached()
        assert await gate.forward_and_cut() is True
        with pytest.raises(RedisConnectionError):
            await counting
    assert await client.get("n") == b"1"


async def test_cut_keeps_the_command_from_the_server(client: Any, proxy: RedisProxy) -> None:
    """A command cut at a gate never happens."""
    async with proxy.gate(lambda c: c.is_write) as gate:
        counting = asyncio.create_task(client.incr("n"))
        assert await gate.reached()
        gate.cut()
        with pytest.raises(RedisConnectionError):
            await counting
    assert await client.get("n") is None


async def test_reset_mid_command(client: Any, proxy: RedisProxy) -> None:
    """While commands are reset, connecting works and asking does not; afterwards all is well."""
    await client.set("k", 1)
    async with proxy.resetting():
        for _ in range(3):
            with pytest.raises(RedisConnectionError):
                await client.get("k")
    assert await client.get("k") == b"1"


async def test_frozen_server_and_thaw(client: Any, redis_server: RedisServer) -> None:
    """A frozen server answers nothing and everything once it is thawed."""
    await client.set("k", 1)
    redis_server.freeze()
    reading = asyncio.create_task(client.get("k"))
    done, _ = await asyncio.wait([reading], timeout=0.1)
    assert not done
    redis_server.thaw()
    assert await asyncio.wait_for(reading, 5) == b"1"
