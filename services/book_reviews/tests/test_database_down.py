import asyncio
import time

import pytest
import redis.asyncio

from acidkit.testing import Fault, FaultProxy, Instance, Start

pytestmark = pytest.mark.lab

BOOK = {"title": "T", "author": "A"}


@pytest.mark.parametrize(
    ("fault", "within"), [(Fault.REFUSE, 2.0), (Fault.RESET, 2.0), (Fault.STALL, 9.0)]
)
async def test_outage_is_a_503_and_ends_by_itself(
    service: Instance,
    database_proxy: FaultProxy,
    raw: redis.asyncio.Redis,
    fault: Fault,
    within: float,
) -> None:
    """However PostgreSQL is down: 503 in time, alive, not ready, back by itself."""
    client = service.client
    book = (await client.post("/books", json=BOOK)).json()["id"]
    await database_proxy.set(fault)
    await raw.flushall()
    begun = time.monotonic()
    async with asyncio.TaskGroup() as group:
        tasks = [
            *(group.create_task(client.get("/books")) for _ in range(3)),
            group.create_task(client.post("/books", json=BOOK)),
            group.create_task(client.get(f"/books/{book}/reviews")),
            group.create_task(
                client.post(f"/books/{book}/reviews", json={"reviewer": "r", "rating": 1})
            ),
        ]
    assert time.monotonic() - begun < within
    for task in tasks:
        answer = task.result()
        assert (answer.status_code, answer.json()["status"]) == (503, 503)
        assert int(answer.headers["retry-after"]) >= 1
    assert (await client.get("/livez")).status_code == 200
    assert (await client.get("/readyz")).status_code == 503
    await database_proxy.set(Fault.NONE)
    async with asyncio.timeout(5):
        while (await client.post("/books", json=BOOK)).status_code != 201:  # noqa: ASYNC110 - over HTTP
            await asyncio.sleep(0.05)
    assert (await client.get("/books")).status_code == 200
    assert (await client.get("/readyz")).status_code == 200


async def test_warm_list_outlives_the_database(
    service: Instance, database_proxy: FaultProxy
) -> None:
    """A cached list is answered while PostgreSQL is away."""
    await service.client.post("/books", json=BOOK)
    await service.client.get("/books")
    await database_proxy.set(Fault.REFUSE)
    assert (await service.client.get("/books")).status_code == 200


async def test_service_waits_for_its_database(start: Start, database_proxy: FaultProxy) -> None:
    """Started first, the service is alive, not ready, and works when the database comes."""
    await database_proxy.set(Fault.REFUSE)
    async with start() as service:
        assert (await service.client.get("/readyz")).status_code == 503
        await database_proxy.set(Fault.NONE)
        assert (await service.client.get("/readyz")).status_code == 200
        assert (await service.client.post("/books", json=BOOK)).status_code == 201
