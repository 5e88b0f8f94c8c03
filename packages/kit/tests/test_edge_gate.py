import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request
from prometheus_client import CollectorRegistry

from acidkit import create_app
from acidkit.errors import Busy
from acidkit.limits import Gate, GateMetrics, GateSettings, install_gate

router = APIRouter()


class Workshop:
    """Work that goes on until the test says so."""

    def __init__(self) -> None:
        self.begun = 0
        self.most = 0
        self.inside = 0
        self.done = asyncio.Event()
        self._arrivals: asyncio.Queue[None] = asyncio.Queue()

    async def work(self) -> None:
        """Be counted, and stay until the end."""
        self.begun += 1
        self.inside += 1
        self.most = max(self.most, self.inside)
        self._arrivals.put_nowait(None)
        await self.done.wait()
        self.inside -= 1

    async def arrival(self) -> None:
        """Wait until one more has begun."""
        await asyncio.wait_for(self._arrivals.get(), 5)


@router.get("/work")
async def work(request: Request) -> None:
    """Work."""
    await request.app.state.workshop.work()


@router.get("/stream")
async def stream(request: Request) -> None:
    """Work where no place is taken."""
    await request.app.state.workshop.work()


@router.post("/read")
async def read(request: Request) -> int:
    """Answer how long the body was."""
    return len(await request.body())


@asynccontextmanager
async def gated(
    *, in_flight: int = 2, waiting: int = 2, wait: float = 20, body: float = 20
) -> AsyncIterator[tuple[httpx.AsyncClient, Workshop]]:
    """Run an application behind a gate; yield a client and its workshop."""
    workshop = Workshop()
    registry = CollectorRegistry()

    @asynccontextmanager
    async def resources(app: FastAPI) -> AsyncIterator[None]:
        app.state.workshop = workshop
        yield

    app = create_app(
        "Gated", [router], version="1", registry=registry, resources=resources, probes={}
    )
    settings = GateSettings(in_flight=in_flight, waiting=waiting, wait=wait, body=body)
    install_gate(app, settings, registry=registry, unbounded={"/stream"})
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://test") as client,
    ):
        yield client, workshop


async def test_more_than_fits_is_shed_and_the_rest_is_served() -> None:
    """Two at work, two waiting: the others get 503 with Retry-After, and nobody works beside."""
    async with gated() as (client, workshop), asyncio.TaskGroup() as group:
        tasks = [group.create_task(client.get("/work")) for _ in range(10)]
        for shed_one in itertools.islice(asyncio.as_completed(tasks, timeout=5), 6):
            await shed_one
        assert workshop.begun == 2
        workshop.done.set()
    codes = [task.result().status_code for task in tasks]
    assert codes == [200] * 4 + [503] * 6
    shed = tasks[-1].result()
    assert (shed.headers["retry-after"], shed.json()["code"]) == ("1", "busy")
    assert shed.json()["trace_id"] == shed.headers["x-trace-id"]
    assert workshop.most == 2


async def test_nobody_waits_longer_than_the_bound() -> None:
    """A request that finds no place in time is sent away though others still work."""
    async with gated(in_flight=1, wait=0.01) as (client, workshop), asyncio.TaskGroup() as group:
        first = group.create_task(client.get("/work"))
        await workshop.arrival()
        late = await client.get("/work")
        metrics = (await client.get("/metrics")).text
        workshop.done.set()
    assert (late.status_code, first.result().status_code) == (503, 200)
    assert 'http_requests_shed_total{reason="late"} 1.0' in metrics
    assert "http_gate_waiting 0.0" in metrics
    assert 'status="503"' in metrics


async def test_health_has_places_of_its_own() -> None:
    """With everything full, health checks, metrics and unbounded paths are still answered."""
    async with gated(in_flight=1, waiting=0) as (client, workshop), asyncio.TaskGroup() as group:
        group.create_task(client.get("/work"))
        await workshop.arrival()
        group.create_task(client.get("/stream"))
        await workshop.arrival()
        assert (await client.get("/work")).status_code == 503
        for path in ("/livez", "/readyz", "/health", "/metrics"):
            assert (await client.get(path)).status_code == 200
        workshop.done.set()


async def test_body_that_does_not_arrive_gives_its_place_back() -> None:
    """A client that sends half a body and falls silent is told 408 and holds nobody up."""
    never = asyncio.Event()

    async def half() -> AsyncIterator[bytes]:
        yield b"half"
        await never.wait()

    async with gated(in_flight=1, waiting=0, body=0.01) as (client, _):
        slow = await client.post("/read", content=half())
        assert (slow.status_code, slow.json()["code"]) == (408, "request_timeout")
        assert (await client.post("/read", content=b"whole")).json() == 5


async def test_places_are_never_lost() -> None:
    """Whether a holder fails or is cancelled, inside or in front, its place comes back."""
    gate = Gate(
        GateSettings(in_flight=1, waiting=5, wait=20), metrics=GateMetrics(CollectorRegistry())
    )
    entered = asyncio.Event()

    async def hold() -> None:
        async with gate.place():
            entered.set()
            await asyncio.Event().wait()

    holder = asyncio.create_task(hold())
    await entered.wait()
    waiter = asyncio.create_task(hold())
    await asyncio.sleep(0)
    waiter.cancel()
    holder.cancel()
    await asyncio.wait([holder, waiter])
    with pytest.raises(RuntimeError):
        async with gate.place():
            raise RuntimeError
    async with asyncio.timeout(5), gate.place():
        assert gate._waiting == 0


async def test_waiting_is_in_order_and_bounded() -> None:
    """Places are given in the order of coming; beyond the bound nobody even waits."""
    gate = Gate(
        GateSettings(in_flight=1, waiting=3, wait=20), metrics=GateMetrics(CollectorRegistry())
    )
    order: list[int] = []

    async def visit(number: int) -> None:
        async with gate.place():
            order.append(number)

    async with asyncio.TaskGroup() as group, gate.place():
        for number in range(3):
            group.create_task(visit(number))
        await asyncio.sleep(0)
        with pytest.raises(Busy):
            await visit(9)
    assert order == [0, 1, 2]
