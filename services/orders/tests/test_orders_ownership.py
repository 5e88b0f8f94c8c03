from collections.abc import Awaitable, Callable

import httpx
import pytest

from acidkit.testing import PostgresServer

pytestmark = pytest.mark.lab

Add = Callable[..., Awaitable[httpx.Response]]

UNKNOWN = "/orders/5e4c7c9e-0b39-4f0c-9a43-9b2a1c0e7b11"


async def test_order_of_somebody_else_is_not_there(
    client: httpx.AsyncClient,
    alice: dict[str, str],
    bob: dict[str, str],
    add: Add,
    database_url: str,
    postgres_server: PostgresServer,
) -> None:
    """Reading and changing somebody else's order is answered like one that does not exist."""
    made = await add(client, alice, total_cents=424242)
    path = made.headers["location"]
    before = postgres_server.run("SELECT * FROM orders", url=database_url)
    answers = [
        await client.get(path, headers=bob),
        await client.get(path, headers={**bob, "If-None-Match": "*"}),
        await client.patch(path, json={"status": "paid"}, headers=bob),
        await client.patch(path, json={"status": "paid"}, headers={**bob, "If-Match": '"1"'}),
    ]
    unknown = await client.get(UNKNOWN, headers=bob)
    for answer in answers:
        assert answer.status_code == 404
        assert "424242" not in answer.text
        told, other = answer.json(), unknown.json()
        for body in (told, other):
            del body["trace_id"]
        assert told == other
    assert (await client.get("/orders", headers=bob)).json()["items"] == []
    assert postgres_server.run("SELECT * FROM orders", url=database_url) == before


@pytest.mark.parametrize("method", ["GET", "PATCH"])
@pytest.mark.parametrize("order_id", ["abc", "-1", "0", "%00", "5e4c7c9e", "x" * 3000])
async def test_ids_that_cannot_exist(
    client: httpx.AsyncClient, alice: dict[str, str], method: str, order_id: str
) -> None:
    """What is no id is refused."""
    answer = await client.request(
        method, f"/orders/{order_id}", json={"status": "paid"}, headers=alice
    )
    assert answer.status_code == 422
    assert "trace_id" in answer.json()
