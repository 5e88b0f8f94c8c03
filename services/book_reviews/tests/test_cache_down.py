import asyncio
import time

import pytest
import redis.asyncio

from acidkit.testing import Fault, FaultProxy, Instance, Start

pytestmark = pytest.mark.lab

BOOK = {"title": "T", "author": "A"}
REVIEW = {"reviewer": "r", "rating": 5}


async def all_four(service: Instance) -> list[float]:
    """Use all four operations, check the answers, return how long each took."""
    times = []

    async def timed(method: str, path: str, **options: object) -> dict[str, object]:
        begun = time.monotonic()
        answer = await service.client.request(method, path, **options)  # type: ignore[arg-type]  # as httpx takes them
        times.append(time.monotonic() - begun)
        assert answer.status_code < 300, answer.text
        body: dict[str, object] = answer.json()
        return body

    book = await timed("POST", "/books", json=BOOK)
    listed = await timed("GET", "/books")
    assert listed["items"][0] == book  # type: ignore[index]  # a list of books
    review = await timed("POST", f"/books/{book['id']}/reviews", json=REVIEW)
    assert (await timed("GET", f"/books/{book['id']}/reviews"))["items"] == [review]
    again = await timed("GET", "/books")
    assert again["items"][0]["review_count"] == 1  # type: ignore[index]  # as above
    return times


async def used_again(service: Instance) -> None:
    """Wait until a list is answered without a statement."""
    async with asyncio.timeout(5):
        while True:
            service.statements.clear()
            assert (await service.client.get("/books")).status_code == 200
            if not service.statements:
                return
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("fault", [Fault.REFUSE, Fault.RESET, Fault.STALL, Fault.SLOW])
async def test_service_works_while_the_cache_is_down(
    service: Instance, redis_proxy: FaultProxy, fault: Fault
) -> None:
    """However Redis is down: right answers, little delay, ready all along, and back by itself."""
    await all_four(service)
    await redis_proxy.set(fault)
    times = [took for _ in range(4) for took in await all_four(service)]
    assert max(times) < 1.0
    assert sorted(times)[len(times) // 2] < 0.15
    assert (await service.client.get("/readyz")).status_code == 200
    assert "cache_up 0.0" in (await service.client.get("/metrics")).text
    await redis_proxy.set(Fault.NONE)
    await used_again(service)
    assert "cache_up 1.0" in (await service.client.get("/metrics")).text


async def test_full_cache_is_no_outage(service: Instance, raw: redis.asyncio.Redis) -> None:
    """While Redis refuses to store, all answers are right and nothing old is served."""
    await all_four(service)
    await raw.config_set("maxmemory", "1")
    try:
        for _ in range(3):
            await all_four(service)
    finally:
        await raw.config_set("maxmemory", "0")
    await used_again(service)


@pytest.mark.parametrize("fault", [Fault.REFUSE, Fault.STALL])
async def test_write_during_the_outage_is_seen_after_it(
    start: Start, redis_proxy: FaultProxy, fault: Fault
) -> None:
    """A list cached before an outage is not served after it when a book was added meanwhile."""
    async with start() as one, start() as two:
        await one.client.post("/books", json=BOOK)
        await two.client.get("/books")
        await redis_proxy.set(fault)
        await one.client.post("/books", json=BOOK)
        assert len((await two.client.get("/books")).json()["items"]) == 2
        await redis_proxy.set(Fault.NONE)
        async with asyncio.timeout(5):
            await used_again(one)
            await used_again(two)
        for instance in (one, two):
            assert len((await instance.client.get("/books")).json()["items"]) == 2


async def test_service_starts_without_a_cache(start: Start, redis_proxy: FaultProxy) -> None:
    """Redis is not needed to start, and is used once it is there."""
    await redis_proxy.set(Fault.REFUSE)
    async with start() as service:
        await all_four(service)
        await redis_proxy.set(Fault.NONE)
        await used_again(service)
