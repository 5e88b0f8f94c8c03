"""The relay under every proxy, on plain TCP; three of these tests each recall a bug once had."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from acidtest.core.clock import RunClock
from acidtest.grader.lab.journal import Journal
from acidtest.grader.lab.proxy import TcpProxy
from acidtest.grader.lab.proxy.link import arm_reset

pytestmark = [pytest.mark.lab, pytest.mark.asyncio(loop_scope="function")]

CONNECTIONS = 400


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write(b"bye")
        writer.write_eof()
    except OSError:  # a test has reset the connection
        pass
    finally:
        writer.close()


@pytest_asyncio.fixture
async def upstream() -> AsyncIterator[tuple[str, int]]:
    """A server that echoes, and says bye when its client has ended."""
    server = await asyncio.start_server(_echo, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        yield host, port


@pytest_asyncio.fixture
async def proxy(
    upstream: tuple[str, int], journal: Journal, clock: RunClock, listening: socket.socket
) -> AsyncIterator[TcpProxy]:
    """A proxy before the echo."""
    relay = TcpProxy(upstream, journal=journal, clock=clock, target="echo")
    await relay.serve(listening, replica="replica-1")
    yield relay
    await relay.close()
    assert relay.failures == []
    assert relay.open_now == 0


async def ask(port: int, text: bytes = b"hello") -> bytes:
    """One connection, one echo."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(text)
        return await asyncio.wait_for(reader.readexactly(len(text)), 10)
    finally:
        writer.close()
        await writer.wait_closed()


async def settled(proxy: TcpProxy, open_now: int) -> bool:
    """Whether the proxy comes to have that many connections."""
    deadline = asyncio.get_running_loop().time() + 5
    while proxy.open_now != open_now:
        if asyncio.get_running_loop().time() > deadline:
            return False
        await asyncio.sleep(0.005)
    return True


async def test_no_byte_is_stranded_while_dialling(
    proxy: TcpProxy, listening: socket.socket
) -> None:
    """Clients that speak before their upstream connection exists are all answered."""
    port = listening.getsockname()[1]
    for _ in range(4):
        async with asyncio.TaskGroup() as tasks:
            asked = [tasks.create_task(ask(port)) for _ in range(CONNECTIONS // 4)]
        assert [task.result() for task in asked] == [b"hello"] * (CONNECTIONS // 4)
    assert proxy.opened == CONNECTIONS


async def test_ended_connections_leave_no_socket(proxy: TcpProxy, listening: socket.socket) -> None:
    """Whoever ends first and however, both sockets of a connection are closed."""
    port = listening.getsockname()[1]
    for _ in range(20):
        await ask(port)
    half, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"x")
    writer.write_eof()
    assert await asyncio.wait_for(half.read(), 5) == b"xbye"
    writer.close()
    rude, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"x")
    await asyncio.wait_for(rude.readexactly(1), 5)
    arm_reset(writer.get_extra_info("socket"))
    writer.transport.abort()
    assert await settled(proxy, 0)
    assert proxy.opened == 22


async def test_stall_holds_and_releases(proxy: TcpProxy, listening: socket.socket) -> None:
    """What is sent into a stall arrives after it, on the same connection and in order."""
    reader, writer = await asyncio.open_connection("127.0.0.1", listening.getsockname()[1])
    writer.write(b"before ")
    assert await asyncio.wait_for(reader.readexactly(7), 5) == b"before "
    async with proxy.stalled():
        writer.write(b"during ")
        reading = asyncio.create_task(reader.readexactly(13))
        done, _ = await asyncio.wait([reading], timeout=0.1)
        assert not done
        writer.write(b"after.")
    assert await asyncio.wait_for(reading, 5) == b"during after."
    writer.close()


async def test_stall_bounds_what_it_keeps(proxy: TcpProxy, listening: socket.socket) -> None:
    """A flood into a stall fills the sender's own buffers, not the proxy's memory."""
    reader, writer = await asyncio.open_connection("127.0.0.1", listening.getsockname()[1])
    total = 30_000_000
    async with proxy.stalled():
        writer.write(b"x" * total)
        await asyncio.sleep(0.1)
        (link,) = proxy.links
        assert link.up.queued < 2_000_000
    assert len(await asyncio.wait_for(reader.readexactly(total), 20)) == total
    writer.close()


async def test_refusal_keeps_live_connections_if_asked(
    proxy: TcpProxy, listening: socket.socket
) -> None:
    """A port can be closed to new connections while old ones go on; healing opens it again."""
    port = listening.getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"x")
    assert await asyncio.wait_for(reader.readexactly(1), 5) == b"x"
    proxy.refuse(keep_live=True)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"y")
    assert await asyncio.wait_for(reader.readexactly(1), 5) == b"y"
    writer.close()
    proxy.heal()
    assert await ask(port) == b"hello"


async def test_refusal_before_serving(
    upstream: tuple[str, int], journal: Journal, clock: RunClock, listening: socket.socket
) -> None:
    """A listener that joins while its server is down is closed as well, until healed."""
    relay = TcpProxy(upstream, journal=journal, clock=clock)
    relay.refuse()
    await relay.serve(listening, replica="late")
    with pytest.raises(ConnectionRefusedError):
        await ask(listening.getsockname()[1])
    relay.heal()
    assert await ask(listening.getsockname()[1]) == b"hello"
    await relay.close()


async def test_dead_upstream_resets_the_client(
    journal: Journal, clock: RunClock, listening: socket.socket
) -> None:
    """Where there is no server, a client's connection breaks instead of hanging."""
    with socket.create_server(("127.0.0.1", 0)) as gone:
        address = gone.getsockname()
    relay = TcpProxy(address, journal=journal, clock=clock)
    await relay.serve(listening, replica="replica-1")
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError, BrokenPipeError)):
        await ask(listening.getsockname()[1])
    assert await settled(relay, 0)
    await relay.close()


async def test_reset_is_a_reset(proxy: TcpProxy, listening: socket.socket) -> None:
    """A connection the judge resets cannot be taken for one that ended in order."""
    reader, writer = await asyncio.open_connection("127.0.0.1", listening.getsockname()[1])
    writer.write(b"x")
    await asyncio.wait_for(reader.readexactly(1), 5)
    assert await proxy.reset_all() == 1
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(reader.read(), 5)
    writer.close()
    assert await settled(proxy, 0)


async def test_each_direction_is_slowed_by_its_own_delay(
    proxy: TcpProxy, listening: socket.socket
) -> None:
    """Only what was asked for is late, and order is kept when the delay ends in between."""
    reader, writer = await asyncio.open_connection("127.0.0.1", listening.getsockname()[1])
    loop = asyncio.get_running_loop()
    async with proxy.slowed(reply=0.15, request=0.0):
        start = loop.time()
        writer.write(b"a")
        await asyncio.wait_for(reader.readexactly(1), 5)
        assert 0.15 <= loop.time() - start < 2
        writer.write(b"b")
    writer.write(b"c")
    assert await asyncio.wait_for(reader.readexactly(2), 5) == b"bc"
    writer.close()


async def test_faults_leave_marks_on_the_clock(proxy: TcpProxy, journal: Journal) -> None:
    """Beginning and end of each fault are in the journal, in order, under the proxy's name."""
    async with proxy.refused():
        pass
    async with proxy.stalled(), proxy.slowed(0.2):
        pass
    assert [mark.text for mark in journal.faults()] == [
        "new connections refused",
        "connections accepted again",
        "stalled: nothing passes",
        "slowed by 0.200 s per round trip",
        "slowness over",
        "stall over",
    ]
    assert {mark.target for mark in journal.faults()} == {"echo"}
