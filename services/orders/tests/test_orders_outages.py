import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

import httpx
import pytest

from acidkit.testing import Fault, FaultProxy, Instance, PostgresServer

pytestmark = pytest.mark.lab

ACCOUNT = {"email": "zoe@example.com", "password": "correct horse"}

Add = Callable[..., Awaitable[httpx.Response]]
StartWith = Callable[..., AbstractAsyncContextManager[Instance]]


async def until(status: int, ask: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
    """Ask until the answer has `status`."""
    async with asyncio.timeout(10):
        while (answer := await ask()).status_code != status:  # noqa: ASYNC110 - over HTTP
            await asyncio.sleep(0.05)
    return answer


@pytest.mark.parametrize(
    ("fault", "within"), [(Fault.REFUSE, 4.0), (Fault.RESET, 4.0), (Fault.STALL, 9.0)]
)
async def test_database_outage_is_a_503_and_ends_by_itself(
    service: Instance,
    alice: dict[str, str],
    add: Add,
    database_proxy: FaultProxy,
    fault: Fault,
    within: float,
) -> None:
    """However PostgreSQL is down: 503 in time, alive, not ready, back by itself, nothing lost."""
    client = service.client
    path = (await add(client, alice)).headers["location"]
    await database_proxy.set(fault)
    begun = time.monotonic()
    answers = await asyncio.gather(
        client.get("/orders", headers=alice),
        client.get(path, headers=alice),
        client.patch(path, json={"status": "paid"}, headers=alice),
        client.post("/auth/register", json=ACCOUNT),
        client.post("/auth/login", json=ACCOUNT),
        client.post("/auth/refresh", json={"refresh_token": "A" * 43}),
        add(client, alice, key="in-the-outage"),
    )
    assert time.monotonic() - begun < within
    for answer in answers:
        assert (answer.status_code, answer.json()["status"]) == (503, 503)
        assert int(answer.headers["retry-after"]) >= 1
    assert (await client.get("/livez")).status_code == 200
    assert (await client.get("/readyz")).status_code == 503
    await database_proxy.set(Fault.NONE)
    await until(201, lambda: add(client, alice, key="in-the-outage"))
    items = (await client.get("/orders", headers=alice)).json()["items"]
    assert len(items) == 2
    await until(201, lambda: client.post("/auth/register", json=ACCOUNT))


async def test_service_waits_for_its_database(start: StartWith, database_proxy: FaultProxy) -> None:
    """Started first, the service is alive, not ready, and works when the database comes."""
    await database_proxy.set(Fault.REFUSE)
    async with start() as service:
        assert (await service.client.get("/livez")).status_code == 200
        assert (await service.client.get("/readyz")).status_code == 503
        await database_proxy.set(Fault.NONE)
        await until(200, lambda: service.client.get("/readyz"))
        assert (await service.client.post("/auth/register", json=ACCOUNT)).status_code == 201


async def test_restart_of_the_database_is_survived(
    service: Instance,
    alice: dict[str, str],
    add: Add,
    database_url: str,
    postgres_server: PostgresServer,
) -> None:
    """When every connection was ended at once, the very next requests are answered rightly."""
    await asyncio.gather(*(service.client.get("/orders", headers=alice) for _ in range(8)))
    await asyncio.to_thread(
        postgres_server.run,
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()",
        url=database_url,
    )
    await until(201, lambda: add(service.client, alice, key="k"))
    items = (await service.client.get("/orders", headers=alice)).json()["items"]
    assert len(items) == 1


@pytest.mark.parametrize("fault", [Fault.REFUSE, Fault.STALL])
async def test_orders_and_logins_outlive_redis(
    start: StartWith, add: Add, redis_proxy: FaultProxy, fault: Fault
) -> None:
    """Without Redis accounts and orders are as before, also for a service that starts then."""
    await redis_proxy.set(fault)
    async with start(rate_limit_per_ip=1000, rate_limit_per_user=1000) as service:
        client = service.client
        assert (await client.post("/auth/register", json=ACCOUNT)).status_code == 201
        tokens = (await client.post("/auth/login", json=ACCOUNT)).json()
        who = {"Authorization": f"Bearer {tokens['access_token']}"}
        made = await add(client, who)
        begun = time.monotonic()
        assert (await client.get(made.headers["location"], headers=who)).json() == made.json()
        assert time.monotonic() - begun < 1
        assert (await client.get("/readyz")).status_code == 200
        await redis_proxy.set(Fault.NONE)
