"""`make bench-orders`: the orders services under load, and writes beside an ORM and beside none.

PostgreSQL keeps its default durability. What is compared takes turns on one machine, which
the load, the service and PostgreSQL share; the first lines say what else it had to do.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx
import psutil
from benchmarks import machine
from benchmarks.figures import Figure, table
from benchmarks.load import Ask, throughput, wrk_missing
from benchmarks.struggling import recorded_load

from acidkit.testing import PostgresServer, RedisServer, run_alembic
from acidkit.testing.service import ServiceProcess
from acidtest.catalogue.problem import LoadSpec, ObjectiveSpec
from acidtest.core.clock import RunClock
from acidtest.grader.client import Endpoint
from acidtest.grader.load import Load, LoadPlan, LoadRequest, LoadResult, Surroundings, send_load

_ROOT = Path(__file__).parents[1]
_HOME = _ROOT / "services" / "orders"
_DURABLE = ("max_connections=100",)
_SECRET = "5e" * 32
_ORDER = '{"total_cents": 1999, "currency": "EUR"}'
_USERS = 20
_ORDERS = 40
_CONNECTIONS = 32
_RATE = 300.0
_LIMIT_MS = 100.0
_RATIO = 3.0
_OURS = "orders stored"
_PLAIN = "as the manuals write it"
_TWIN = "the same with the ORM"


class User(NamedTuple):
    """Somebody with orders."""

    token: str
    orders: tuple[str, ...]


class Rig(NamedTuple):
    """A database, and the service on it in both ways of writing."""

    url: str
    service: ServiceProcess
    twin: ServiceProcess
    users: tuple[User, ...]


def main() -> int:
    """Measure, print, and say with the exit status whether every target was met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=60, help="of the mixed load")
    parser.add_argument("--burst", type=float, default=6, help="seconds of each run of writes")
    options = parser.parse_args()
    missing = wrk_missing()
    if missing:
        print(missing)
        return 2
    foreign = machine.foreign_load()
    for line in machine.facts(foreign):
        print(line)
    with _rig() as rig:
        figures = asyncio.run(_measure(rig, options))
    figures += [*asyncio.run(recorded_load(options.rounds))]
    print()
    print(table(figures))
    missed = [figure.name for figure in figures if figure.over]
    print()
    print(f"missed: {', '.join(missed)}" if missed else "every target is met")
    if foreign > machine.IDLE:
        print("the machine had other work: ratios may hold, times do not; measure again")
    return 1 if missed else 0


@contextmanager
def _rig() -> Iterator[Rig]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="bo")))
        folder.chmod(0o755)
        postgres = PostgresServer.start(folder, options=_DURABLE)
        stack.callback(postgres.stop)
        redis = RedisServer.start(folder)
        stack.callback(redis.stop)
        url = postgres.create_database()
        run_alembic(_HOME, url, "upgrade", "head")
        environment = {"DATABASE_URL": url, "REDIS_URL": redis.url, "SECRET_KEY": _SECRET}
        service, twin = [
            ServiceProcess(module, home=_HOME, environment={**environment, "PYTHONPATH": _path()})
            for module in ("orders", "benchmarks.orders_twin")
        ]
        for process in (service, twin):
            stack.callback(process.kill)
        users = tuple(_user(service.url, number) for number in range(_USERS))
        yield Rig(url, service, twin, users)


def _path() -> str:
    return os.pathsep.join((str(_HOME / "src"), str(_ROOT)))


def _user(url: str, number: int) -> User:
    account = {"email": f"user{number}@example.com", "password": f"correct horse {number}"}
    with httpx.Client(base_url=url, timeout=30) as client:
        client.post("/auth/register", json=account).raise_for_status()
        token = client.post("/auth/login", json=account).json()["access_token"]
        client.headers.update({"Authorization": f"Bearer {token}"})
        client.headers["Content-Type"] = "application/json"
        made = [
            client.post("/orders", content=_ORDER, headers={"Idempotency-Key": f"first-{one}"})
            for one in range(_ORDERS)
        ]
    return User(token, tuple(answer.json()["id"] for answer in made))


class Writes(NamedTuple):
    """What one run of writes did."""

    per_second: float
    milliseconds: float
    """Processor time of the service's process for each order."""


async def _measure(rig: Rig, options: argparse.Namespace) -> list[Figure]:
    ours: list[Writes] = []
    plain: list[Writes] = []
    twins: list[Writes] = []
    bare: list[float] = []
    for _ in range(options.rounds):
        ours.append(await _stored(_OURS, rig.service, rig.users[0], options.burst))
        plain.append(
            await _stored(_PLAIN, rig.twin, rig.users[0], options.burst, path="/plain/orders")
        )
        twins.append(await _stored(_TWIN, rig.twin, rig.users[0], options.burst))
        bare.append(await _bare(rig.url, options.burst))
    loads = [await _mixed(rig, options.seconds) for _ in range(options.rounds)]
    return [*_of_loads(loads), *_of_writes(ours, plain, twins, bare)]


def _of_loads(loads: Sequence[LoadResult]) -> list[Figure]:
    failed = tuple(float(load.record.failed) for load in loads)
    return [
        Figure("p95 at 300 a second", tuple(x.p95 for x in loads), "ms", _LIMIT_MS, decimals=1),
        Figure("p50 at 300 a second", tuple(x.p50 for x in loads), "ms", decimals=1),
        Figure("p99 at 300 a second", tuple(x.p99 for x in loads), "ms", decimals=1),
        Figure("errors at 300 a second", failed, "", 0, decimals=0),
    ]


def _of_writes(
    ours: Sequence[Writes], plain: Sequence[Writes], twins: Sequence[Writes], bare: Sequence[float]
) -> list[Figure]:
    rates = _rates(ours)
    ways = {_PLAIN: plain, _TWIN: twins}
    share = tuple(one / other for one, other in zip(rates, bare, strict=True))
    return [
        Figure(_OURS, rates, "a second", decimals=0),
        *(Figure(name, _rates(way), "a second", decimals=0) for name, way in ways.items()),
        Figure("its SQL alone, asyncpg", tuple(bare), "a second", decimals=0),
        Figure("service over the manuals' way", _over(ours, plain), "", _RATIO, at_least=True),
        Figure("service over ORM alone", _over(ours, twins), "", _RATIO, at_least=True),
        Figure("service over its SQL alone", share, ""),
        *(
            Figure(
                f"processor time: {name}",
                tuple(one.milliseconds for one in way),
                "ms",
                note="of the service's process, for each order",
            )
            for name, way in {_OURS: ours, **ways}.items()
        ),
    ]


def _rates(writes: Sequence[Writes]) -> tuple[float, ...]:
    return tuple(one.per_second for one in writes)


def _over(ours: Sequence[Writes], others: Sequence[Writes]) -> tuple[float, ...]:
    return tuple(one.per_second / other.per_second for one, other in zip(ours, others, strict=True))


async def _stored(
    name: str, process: ServiceProcess, user: User, seconds: float, *, path: str = "/orders"
) -> Writes:
    ask = Ask(
        "order",
        "POST",
        path,
        _ORDER,
        headers={"Authorization": f"Bearer {user.token}"},
        numbered="Idempotency-Key",
    )
    before = _processor_seconds(process)
    with TemporaryDirectory() as scripts:
        result = await throughput(
            ask,
            port=_port(process),
            netns=None,
            seconds=seconds,
            connections=_CONNECTIONS,
            scripts=Path(scripts),
        )
    if result.errors:
        print(f"{name}: {result.errors} of {result.answered} were not stored")
    used = _processor_seconds(process) - before
    good = 1 - result.errors / max(1, result.answered)
    return Writes(result.per_second * good, used * 1000 / max(1, result.answered))


def _processor_seconds(process: ServiceProcess) -> float:
    times = psutil.Process(process.pid).cpu_times()
    return times.user + times.system


async def _bare(url: str, seconds: float) -> float:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.orders_bare",
        url,
        f"--seconds={seconds}",
        cwd=_ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await asyncio.wait_for(process.communicate(), seconds + 30)
    return float(said)


async def _mixed(rig: Rig, seconds: float) -> LoadResult:
    who = {"Authorization": "Bearer ${token}"}
    add = {**who, "Content-Type": "application/json", "Idempotency-Key": "${uuid}"}
    plan = LoadPlan(
        requests=(
            LoadRequest(
                name="read",
                path="/orders/${order}",
                headers=who,
                weight=70,
                equals={"id": "${order}"},
            ),
            LoadRequest(name="list", path="/orders?limit=20", headers=who, weight=20),
            LoadRequest(
                name="add",
                method="POST",
                path="/orders",
                headers=add,
                body=_ORDER,
                weight=10,
                expect=(201,),
            ),
        ),
        users=tuple({"token": user.token, "order": user.orders} for user in rig.users),
    )
    spec = LoadSpec(
        rate=_RATE,
        seconds=seconds,
        warm_up=3,
        users=_USERS,
        objective=ObjectiveSpec(limit_ms=_LIMIT_MS, error_share=0),
    )
    where = [Endpoint(name="orders", port=_port(rig.service))]
    load = Load("mixed", spec, plan, "orders")
    result = await send_load(load, lambda: where, Surroundings(RunClock()))
    print(result)
    return result


def _port(process: ServiceProcess) -> int:
    return urlsplit(process.url).port or 0


if __name__ == "__main__":
    sys.exit(main())
