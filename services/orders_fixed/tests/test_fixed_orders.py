"""Orders: two statements for a page, pages by position, bounded work."""

import asyncio
from typing import Any

import httpx
import psycopg
import pytest

from acidkit.testing import Fault, FaultProxy, Instance


async def pages(client: httpx.AsyncClient, **query: str) -> list[dict[str, Any]]:
    """Every order of a list, page by page."""
    found: list[dict[str, Any]] = []
    while True:
        page = (await client.get("/orders", params=query)).json()
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        query["cursor"] = page["next_cursor"]


@pytest.mark.parametrize("limit", [1, 100])
async def test_a_page_with_items_takes_two_statements(service: Instance, limit: int) -> None:
    """The number of statements does not depend on the number of orders."""
    answer = await service.client.get("/orders", params={"include": "items", "limit": limit})

    assert len(answer.json()["items"]) == limit
    assert len(service.statements) == 2


async def test_items_come_with_their_products(client: httpx.AsyncClient) -> None:
    """An order shows its items in the order of their ids."""
    order = (await client.get("/orders/7")).json()

    assert order["status"] == "cancelled"
    names = [item["product_name"] for item in order["items"]]
    assert names == ["Product 1", "Product 3", "Product 4", "Product 1"]
    assert order["items"][0]["unit_price_cents"] == 100


async def test_pages_give_every_order_once_while_orders_are_added(
    client: httpx.AsyncClient, database_url: str
) -> None:
    """Three orders share each moment, and new ones come in at the top."""
    first = (await client.get("/orders", params={"limit": "7"})).json()
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "INSERT INTO orders (user_id, status, currency, total_cents, created_at)"
            " SELECT 1, 'paid', 'EUR', 1, now() FROM generate_series(1, 9)"
        )
    rest = await pages(client, limit="7", cursor=first["next_cursor"])

    ids = [order["id"] for order in first["items"] + rest]
    assert sorted(ids) == list(range(1, 121))


async def test_a_cursor_of_another_filter_is_refused(client: httpx.AsyncClient) -> None:
    """A position in one list means nothing in another."""
    page = (await client.get("/orders", params={"status": "paid", "limit": "3"})).json()

    answer = await client.get("/orders", params={"cursor": page["next_cursor"]})
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "path",
    ["/orders?status=lost", "/orders?limit=0", "/orders?limit=101", "/orders/0", "/orders/1e3"],
)
async def test_bad_questions_are_refused(client: httpx.AsyncClient, path: str) -> None:
    """What makes no sense is answered with 422."""
    assert (await client.get(path)).status_code == 422


async def test_an_unknown_order_is_404(client: httpx.AsyncClient) -> None:
    """There is no order with that id."""
    assert (await client.get("/orders/999")).json()["code"] == "order_not_found"


async def test_a_crowd_is_shed_at_the_door(
    client: httpx.AsyncClient, database_proxy: FaultProxy
) -> None:
    """While four requests are worked on and two wait, the others hear 503 with Retry-After."""
    await database_proxy.set(Fault.STALL)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(client.get(f"/orders/{n}")) for n in range(1, 21)]
        async with asyncio.timeout(5):
            while sum(task.done() for task in tasks) < 16:
                await asyncio.wait([t for t in tasks if not t.done()], timeout=1)
        await database_proxy.set(Fault.NONE)
    answers = [task.result() for task in tasks]

    refused = [answer for answer in answers if answer.status_code == 503]
    assert {answer.status_code for answer in answers} == {200, 503}
    assert len(refused) == 16
    assert all(answer.headers["retry-after"] for answer in refused)


async def test_health_is_answered_while_all_is_busy(client: httpx.AsyncClient) -> None:
    """The platform's question takes nobody's place."""
    assert (await client.get("/healthz")).json() == {"status": "ok"}
