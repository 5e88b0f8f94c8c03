"""The proxies alone: PostgreSQL's and Redis' own load generators, directly and through them."""

import asyncio
import os
import re
import shutil
import socket
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.laboratory import Workplace

from acidtest.core.clock import RunClock
from acidtest.grader.lab.journal import Journal
from acidtest.grader.lab.leftovers import record_pid
from acidtest.grader.lab.postgres import Cluster
from acidtest.grader.lab.proxy import Door, PostgresProxy, RedisProxy
from acidtest.grader.lab.redis_server import RedisServer

_CLIENTS = (1, 8)
_SECONDS = 2
_REDIS_CALLS = 40_000
_PATIENCE = 60.0
_DATABASE = "wires"
_DEBIAN = "/usr/lib/postgresql"

Rate = Callable[[int], Awaitable[float]]
"""Transactions a second with so many clients."""


async def proxies(place: Workplace, rounds: int) -> list[Figure]:
    """Rates through each proxy as a share of the direct ones, in turns."""
    figures: list[Figure] = []
    async with AsyncExitStack() as stack:
        folder = place.run_dir / "wires"
        cluster = await place.cluster(stack, folder)
        clock = RunClock()
        pgbench, benchmark = _pgbench(), shutil.which("redis-benchmark")
        if pgbench:
            direct, through = await _postgres(pgbench, cluster, clock, stack)
            figures += await _compare("PostgreSQL proxy", direct, through, rounds)
        if benchmark:
            redis = await RedisServer.start(folder)
            stack.push_async_callback(redis.stop)
            record_pid(place.run_dir, redis.pid)
            direct, through = await _redis(benchmark, redis, clock, stack)
            figures += await _compare("Redis proxy", direct, through, rounds)
    return figures


async def _postgres(
    program: str, cluster: Cluster, clock: RunClock, stack: AsyncExitStack
) -> tuple[Rate, Rate]:
    await cluster.create_database(_DATABASE)
    login = cluster.candidate
    door = Door(*login, _DATABASE)
    proxy = PostgresProxy(cluster.socket_path, journal=Journal(clock), clock=clock, door=door)
    stack.push_async_callback(proxy.close)
    port = await _served(proxy)

    async def run(clients: int, *where: str) -> float:
        words = [program, "-n", "-S", "-M", "prepared", "-c", str(clients), "-j", "1"]
        words += ["-T", str(_SECONDS), *where, "-U", login.user, _DATABASE]
        said = await _said(words, password=login.password)
        return float(_number(r"tps = ([\d.]+)", said))

    direct = ("-h", str(cluster.socket_dir), "-p", str(cluster.port))
    tables = [program, "-i", "-q", *direct, "-U", login.user, _DATABASE]
    await _said(tables, password=login.password)
    return (
        lambda clients: run(clients, *direct),
        lambda clients: run(clients, "-h", "127.0.0.1", "-p", str(port)),
    )


async def _redis(
    program: str, redis: RedisServer, clock: RunClock, stack: AsyncExitStack
) -> tuple[Rate, Rate]:
    proxy = RedisProxy(redis.socket_path, journal=Journal(clock), clock=clock)
    stack.push_async_callback(proxy.close)
    port = await _served(proxy)

    async def run(clients: int, *where: str) -> float:
        calls = _REDIS_CALLS if clients > 1 else _REDIS_CALLS // 4
        words = [program, *where, "-c", str(clients), "-n", str(calls), "-t", "get", "--csv"]
        return float(_number(r'"GET","([\d.]+)"', await _said(words)))

    return (
        lambda clients: run(clients, "-s", str(redis.socket_path)),
        lambda clients: run(clients, "-h", "127.0.0.1", "-p", str(port)),
    )


async def _served(proxy: PostgresProxy | RedisProxy) -> int:
    sock = socket.create_server(("127.0.0.1", 0), backlog=128)
    port = int(sock.getsockname()[1])
    await proxy.serve(sock, replica="bench")
    return port


async def _compare(name: str, direct: Rate, through: Rate, rounds: int) -> list[Figure]:
    figures = []
    for clients in _CLIENTS:
        rates: dict[str, list[float]] = defaultdict(list)
        for number in range(rounds):
            ways = [("direct", direct), ("through", through)]
            for way, rate in ways if number % 2 == 0 else reversed(ways):
                rates[way].append(await rate(clients))
        shares = tuple(b / a for a, b in zip(rates["direct"], rates["through"], strict=True))
        note = ", ".join(f"{Figure('', tuple(r), '').median:.0f}/s {w}" for w, r in rates.items())
        figures.append(Figure(f"{name}, c={clients}: share of direct", shares, "", None, note))
    return figures


async def _said(words: list[str], *, password: str = "") -> str:
    process = await asyncio.create_subprocess_exec(
        *words,
        env={**os.environ, "PGPASSWORD": password},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(), _PATIENCE)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise RuntimeError(f"{words[0]} did not end") from None
    if process.returncode:
        raise RuntimeError(f"{words[0]} failed: {said.decode(errors='replace')[-300:]}")
    return said.decode(errors="replace")


def _number(pattern: str, said: str) -> str:
    found = re.search(pattern, said)
    if found is None:
        raise RuntimeError(f"no figure in: {said[-300:]}")
    return found.group(1)


def _pgbench() -> str | None:
    debian = sorted(Path(_DEBIAN).glob("*/bin/pgbench"))
    return shutil.which("pgbench") or (str(debian[-1]) if debian else None)
