import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import redis.asyncio
from redis.exceptions import NoPermissionError, ResponseError

from acidtest.grader.lab.redis_server import RedisServer

pytestmark = [pytest.mark.lab, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(loop_scope="module")
async def candidate(redis_server: RedisServer) -> AsyncIterator[redis.asyncio.Redis]:
    """A connection with what a service may do."""
    client = redis.asyncio.Redis(unix_socket_path=str(redis_server.socket_path))
    yield client
    await client.aclose()


@pytest.mark.parametrize(
    "command",
    [
        ("CONFIG", "SET", "dir", "/"),
        ("SHUTDOWN", "NOSAVE"),
        ("REPLICAOF", "127.0.0.1", "1"),
        ("MODULE", "LOAD", "/x.so"),
        ("ACL", "SETUSER", "default", "+@all"),
        ("SAVE",),
        ("DEBUG", "SLEEP", "1"),
    ],
)
async def test_candidate_cannot_leave_its_redis(
    candidate: redis.asyncio.Redis, command: tuple[str, ...]
) -> None:
    """Commands that reach files, code, other hosts or the judge's access are refused."""
    with pytest.raises((NoPermissionError, ResponseError)):
        await candidate.execute_command(*command)  # type: ignore[no-untyped-call]  # redis-py's own gap


async def test_candidate_can_do_what_applications_do(candidate: redis.asyncio.Redis) -> None:
    """Ordinary commands, scripts, INFO and reading the configuration work."""
    await candidate.set("k", 1, ex=5)
    assert await candidate.eval("return redis.call('GET', KEYS[1])", 1, "k") == b"1"
    assert (await candidate.info("server"))["redis_version"]
    assert await candidate.config_get("maxmemory")
    assert await candidate.keys("*")
    await candidate.flushdb()


async def test_flush_and_restart_leave_nothing(redis_server: RedisServer) -> None:
    """After a flush, and after a kill and restart, no key is left and the address is the same."""
    client = redis_server.client()
    await client.set("k", 1)
    await redis_server.flush()
    assert await client.get("k") is None
    await client.set("k", 1)
    await client.aclose()
    path = redis_server.socket_path
    await redis_server.kill()
    assert not redis_server.running
    await redis_server.restart()
    assert redis_server.socket_path == path
    client = redis_server.client()
    assert await client.get("k") is None
    await client.aclose()


async def fill(client: redis.asyncio.Redis) -> None:
    """Store ten megabytes."""
    for number in range(100):
        await client.set(f"k{number}", b"x" * 100_000)


async def test_memory_is_bounded(open_folder: Path) -> None:
    """A service that fills its Redis gets an error from it, and the machine keeps its memory."""
    run_dir = Path(tempfile.mkdtemp(prefix="redis-", dir=open_folder))
    server = await RedisServer.start(run_dir, memory_bytes=4 * 1024 * 1024)
    try:
        client = server.client()
        with pytest.raises(ResponseError, match="maxmemory"):
            await fill(client)
        await client.aclose()
    finally:
        await server.stop()
    assert not server.running


async def test_private_folder_falls_back_to_a_user_namespace(tmp_path: Path) -> None:
    """In a folder other users cannot reach the server still runs, and without root's rights."""
    server = await RedisServer.start(tmp_path)
    try:
        client = server.client()
        assert await client.ping()
        await client.aclose()
        assert server.runs_as != "root"
        line = (tmp_path / "pids").read_text().splitlines()[-1]
        assert line.split()[0] == str(server.pid)
    finally:
        await server.stop()
