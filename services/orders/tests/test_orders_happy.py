from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime

import httpx
import pytest

from acidkit.testing import Instance

pytestmark = pytest.mark.lab

ACCOUNT = {"email": "Ann@Example.com", "password": "correct horse"}
ORDER = {"total_cents": 1999, "currency": "EUR"}

StartWith = Callable[..., AbstractAsyncContextManager[Instance]]
Add = Callable[..., Awaitable[httpx.Response]]


async def test_from_registration_to_logout(client: httpx.AsyncClient) -> None:
    """Somebody registers, logs in, orders, reads, lists, pays, refreshes and logs out."""
    user = await client.post("/auth/register", json=ACCOUNT)
    assert user.status_code == 201
    assert user.json()["email"] == "ann@example.com"
    assert "password" not in user.text
    tokens = (await client.post("/auth/login", json=ACCOUNT)).json()
    assert (tokens["token_type"].lower(), tokens["expires_in"]) == ("bearer", 900)
    ann = {"Authorization": f"Bearer {tokens['access_token']}"}

    made = await client.post("/orders", json=ORDER, headers={**ann, "Idempotency-Key": "one"})
    assert made.status_code == 201
    order = made.json()
    assert order == {
        "id": order["id"],
        "user_id": user.json()["id"],
        **ORDER,
        "status": "pending",
        "created_at": order["created_at"],
    }
    assert datetime.fromisoformat(order["created_at"]).tzinfo

    assert (await client.get(made.headers["location"], headers=ann)).json() == order
    listed = await client.get("/orders", headers=ann)
    assert listed.json() == {"items": [order], "next_cursor": None}
    paid = await client.patch(made.headers["location"], json={"status": "paid"}, headers=ann)
    assert (paid.status_code, paid.json()) == (200, {**order, "status": "paid"})

    refresh = {"refresh_token": tokens["refresh_token"]}
    renewed = (await client.post("/auth/refresh", json=refresh)).json()
    again = {"Authorization": f"Bearer {renewed['access_token']}"}
    assert (await client.get("/orders", headers=again)).status_code == 200
    refresh = {"refresh_token": renewed["refresh_token"]}
    assert (await client.post("/auth/logout", json=refresh)).status_code == 204
    assert (await client.post("/auth/refresh", json=refresh)).status_code == 401


async def test_instances_share_what_they_know(
    start: StartWith, sign_up: Callable[..., Awaitable[dict[str, str]]], add: Add
) -> None:
    """What one instance answered is true at the other at once: tokens, orders, changes, keys."""
    async with start() as one, start() as two:
        who = await sign_up(one.client)
        made = await add(one.client, who, key="k")
        path = made.headers["location"]
        assert (await two.client.get(path, headers=who)).json() == made.json()
        await two.client.patch(path, json={"status": "cancelled"}, headers=who)
        assert (await one.client.get(path, headers=who)).json()["status"] == "cancelled"
        replayed = await add(two.client, who, key="k")
        assert replayed.content == made.content


async def test_etag_saves_a_body_and_a_change(
    client: httpx.AsyncClient, alice: dict[str, str], add: Add
) -> None:
    """A known version is 304; a change meant for an old version is 412 and changes nothing."""
    made = await add(client, alice)
    path, etag = made.headers["location"], made.headers["etag"]
    known = {**alice, "If-None-Match": etag}
    assert (await client.get(path, headers=known)).status_code == 304
    condition = {**alice, "If-Match": etag}
    first = await client.patch(path, json={"total_cents": 6}, headers=condition)
    assert first.status_code == 200
    assert first.headers["etag"] != etag
    second = await client.patch(path, json={"total_cents": 7}, headers=condition)
    assert second.status_code == 412
    now = await client.get(path, headers=known)
    assert (now.status_code, now.json()["total_cents"]) == (200, 6)
    assert now.headers["etag"] == first.headers["etag"]
