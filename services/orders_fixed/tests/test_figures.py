"""Figures: kept by product for everybody, computed once, no error kept."""

import asyncio

import httpx
import redis.asyncio

from acidkit.testing import Fault, FaultProxy, Instance, Start


def computations(instance: Instance) -> int:
    """How often an instance summed up the sales of a product."""
    return sum("GROUP BY" in statement for statement in instance.statements)


async def test_figures_are_those_of_paid_orders(client: httpx.AsyncClient) -> None:
    """Sums, average and days agree with each other."""
    found = (await client.get("/products/2/stats")).json()

    assert found["units"] == sum(day["units"] for day in found["days"])
    assert found["revenue_cents"] == found["units"] * 200
    assert found["average_price_cents"] == 200
    assert 0 < found["orders"] <= found["units"]


async def test_a_product_never_sold_has_no_average(client: httpx.AsyncClient) -> None:
    """Nothing is divided by nothing."""
    found = (await client.get("/products/5/stats")).json()

    assert (found["units"], found["average_price_cents"], found["last_sold_at"]) == (0, None, None)


async def test_an_unknown_product_is_404(client: httpx.AsyncClient) -> None:
    """There is no product with that id."""
    assert (await client.get("/products/99/stats")).json()["code"] == "product_not_found"


async def test_addresses_share_one_entry(service: Instance, raw: "redis.asyncio.Redis") -> None:
    """Whatever campaigns add to the address, one computation and one entry are enough."""
    for number in range(10):
        await service.client.get("/products/1/stats", params={"utm_source": f"mail{number}"})

    entries = [key async for key in raw.scan_iter(match="*:entry:*")]
    assert computations(service) == 1
    assert len(entries) == 1
    assert 0 < await raw.pttl(entries[0]) <= 45_000


async def test_two_instances_compute_once(start: Start, database_proxy: FaultProxy) -> None:
    """A crowd at two instances leads to one computation, at most to one by each."""
    async with start() as one, start() as other:
        await database_proxy.set(Fault.STALL)
        asking = [
            asyncio.create_task(instance.client.get("/products/1/stats"))
            for instance in (one, other) * 4
        ]
        # Both have begun; whoever comes later in an instance joins what is under way.
        await asyncio.wait(asking, timeout=0.2)
        await database_proxy.set(Fault.NONE)
        answers = await asyncio.wait_for(asyncio.gather(*asking), 10)

        assert {answer.status_code for answer in answers} == {200}
        assert 1 <= computations(one) + computations(other) <= 2


async def test_an_error_is_not_kept(client: httpx.AsyncClient, database_proxy: FaultProxy) -> None:
    """The answer after an outage is right."""
    await database_proxy.set(Fault.REFUSE)
    assert (await client.get("/products/3/stats")).status_code == 503
    await database_proxy.set(Fault.NONE)

    assert (await client.get("/products/3/stats")).status_code == 200


async def test_without_redis_figures_are_computed(
    client: httpx.AsyncClient, redis_proxy: FaultProxy
) -> None:
    """The cache may be missed, not needed."""
    await redis_proxy.set(Fault.REFUSE)

    assert (await client.get("/products/1/stats")).status_code == 200
