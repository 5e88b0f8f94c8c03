"""The same built service twice: bare on this machine, and in its sandbox behind the proxies."""

import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import aiohttp
from benchmarks.laboratory import Workplace, open_folder

from acidtest.grader.lab.journal import Journal
from acidtest.grader.lab.lab import MIGRATED, Lab
from acidtest.grader.lab.leftovers import record_pid
from acidtest.grader.lab.redis_server import RedisServer
from acidtest.grader.lab.sandbox import Limits, OnLine, Sandbox, SandboxSpec, choose_driver
from acidtest.grader.lab.service import Prepare, Replica, Service
from acidtest.grader.lab.wiring import Wiring


class Side(NamedTuple):
    """One running service that can be put under load."""

    name: str
    sandbox: Sandbox
    port: int
    netns: int | None
    """A process in its network; None when that is this machine's."""
    session: aiohttp.ClientSession

    async def processor_seconds(self) -> float:
        """Processor time its processes have taken so far."""
        return (await self.sandbox.usage()).cpu_seconds


@asynccontextmanager
async def both(place: Workplace) -> AsyncIterator[tuple[Side, Side]]:
    """Start bare and sandboxed service, each with a database and a Redis of its own."""
    async with AsyncExitStack() as stack:
        cluster = await place.cluster(stack, place.run_dir / "sides")
        lab = place.lab(cluster)
        await lab.migrate(lambda _text: None)
        bare = await _bare(place, lab, stack)
        boxed = await _boxed(place, lab, stack)
        yield bare, boxed


async def _bare(place: Workplace, lab: Lab, stack: AsyncExitStack) -> Side:
    await lab.cluster.create_database("bare", template=MIGRATED)
    redis = await RedisServer.start(open_folder(place.run_dir / "bare"))
    stack.push_async_callback(redis.stop)
    record_pid(place.run_dir, redis.pid)
    driver = await choose_driver("local-unsafe", allow_unsafe=True)
    login = lab.cluster.candidate
    spec = SandboxSpec(
        name="bare",
        command=place.recipe.start,
        run_dir=place.run_dir,
        cwd=place.built.cwd,
        mounts=place.built.mounts,
        layered=place.built.app_tree,
        limits=Limits(),
    )

    async def prepare(_name: str, on_line: OnLine) -> tuple[Sandbox, int]:
        sandbox = await driver.prepare(spec, on_line=on_line)
        port = _free_port()
        offered = {
            "PORT": str(port),
            "DATABASE_URL": f"postgresql://{login.user}:{login.password}@/bare"
            f"?host={lab.cluster.socket_dir}",
            "REDIS_URL": f"unix://{redis.socket_path}?db=0",
            "SECRET": lab.secret,
        }
        await sandbox.release(env=lab.environment(offered))
        return sandbox, port

    return await _started(place, lab, prepare, stack=stack, name="bare")


async def _boxed(place: Workplace, lab: Lab, stack: AsyncExitStack) -> Side:
    await lab.cluster.create_database("boxed", template=MIGRATED)
    folder = open_folder(place.run_dir / "boxed")
    wiring = await stack.enter_async_context(
        Wiring.opened(lab, database="boxed", journal=Journal(lab.clock), directory=folder)
    )

    async def prepare(name: str, on_line: OnLine) -> tuple[Sandbox, int]:
        return await wiring.prepare(name, place.recipe.start, on_line, limits=Limits())

    return await _started(place, lab, prepare, stack=stack, name="boxed")


async def _started(
    place: Workplace, lab: Lab, prepare: Prepare, *, stack: AsyncExitStack, name: str
) -> Side:
    journal = Journal(lab.clock)
    replica = Replica(name, prepare, journal)
    health = [place.recipe.health or "/health", "/books"]
    service = Service([replica], health=health, journal=journal)
    stack.push_async_callback(service.close)
    await service.open()
    if replica.sandbox is None:
        raise RuntimeError("a service that was started has no sandbox")
    connector = aiohttp.TCPConnector(limit=0, socket_factory=replica.sandbox.socket)
    session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
    netns = _network_of(place.run_dir) if name == "boxed" else None
    return Side(name, replica.sandbox, replica.port, netns, session)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def _network_of(run_dir: Path) -> int:
    """A live process of the run in a network that is not this machine's: the newest one."""
    ours = Path("/proc/self/ns/net").stat().st_ino
    for line in reversed((run_dir / "pids").read_text().splitlines()):
        pid = int(line.split()[0])
        with suppress(OSError):
            if Path(f"/proc/{pid}/ns/net").stat().st_ino != ours:
                return pid
    raise RuntimeError("no process of the run has a network of its own")
