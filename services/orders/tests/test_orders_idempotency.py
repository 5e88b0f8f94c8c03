from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import pytest

from acidkit.testing import Instance, PostgresServer, at_once

pytestmark = pytest.mark.lab

COUNT = "SELECT count(*) FROM orders"

StartWith = Callable[..., AbstractAsyncContextManager[Instance]]
Add = Callable[..., Awaitable[httpx.Response]]
SignUp = Callable[..., Awaitable[dict[str, str]]]


async def test_many_at_once_store_one(
    start: StartWith,
    sign_up: SignUp,
    add: Add,
    database_url: str,
    postgres_server: PostgresServer,
) -> None:
    """Fifty posts of one key at two instances: one row; each is the same 201, or 409 meanwhile."""
    async with start() as one, start() as two:
        who = await sign_up(one.client)
        clients = [one.client, two.client]
        answers = await at_once(50, lambda number: add(clients[number % 2], who, key="same"))
        assert {answer.status_code for answer in answers} <= {201, 409}
        stored = [answer for answer in answers if answer.status_code == 201]
        assert len({answer.content for answer in stored}) == 1
        assert len([a for a in stored if "idempotency-replayed" not in a.headers]) == 1
        assert (await add(two.client, who, key="same")).content == stored[0].content
        assert postgres_server.run(COUNT, url=database_url) == "1"


async def test_replay_is_the_stored_answer(
    client: httpx.AsyncClient, alice: dict[str, str], add: Add
) -> None:
    """The answer is repeated byte for byte with its headers, also when the order has changed."""
    first = await add(client, alice, key="k")
    path = first.headers["location"]
    await client.patch(path, json={"status": "paid"}, headers=alice)
    again = await add(client, alice, key='"k"')
    assert (again.status_code, again.content) == (201, first.content)
    for name in ("location", "etag", "content-type"):
        assert again.headers[name] == first.headers[name]
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers


async def test_same_body_means_the_same_values(
    client: httpx.AsyncClient, alice: dict[str, str]
) -> None:
    """White space and the order of members do not make another request."""
    headers = {**alice, "Idempotency-Key": "k", "Content-Type": "application/json"}
    texts = ('{"total_cents":5,"currency":"EUR"}', '{ "currency": "EUR", "total_cents": 5 }')
    first, second = [await client.post("/orders", content=text, headers=headers) for text in texts]
    assert second.status_code == 201
    assert second.content == first.content


async def test_other_body_is_refused(
    client: httpx.AsyncClient, alice: dict[str, str], add: Add
) -> None:
    """The key of another request is 422, and nothing is stored for it."""
    await add(client, alice, key="k")
    refused = await add(client, alice, key="k", total_cents=6)
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
    assert len((await client.get("/orders", headers=alice)).json()["items"]) == 1


async def test_keys_belong_to_their_user(
    client: httpx.AsyncClient, alice: dict[str, str], bob: dict[str, str], add: Add
) -> None:
    """The same key of somebody else is another key."""
    hers = (await add(client, alice, key="k")).json()
    his = (await add(client, bob, key="k", total_cents=9)).json()
    assert hers["id"] != his["id"]
    assert hers["user_id"] != his["user_id"]


@pytest.mark.parametrize("key", ["", " ", '""', "x" * 256, '"open', "é", "a, b"])
async def test_what_is_no_key(client: httpx.AsyncClient, alice: dict[str, str], key: str) -> None:
    """A key that is missing, empty, too long or not one string is refused with 400."""
    headers = {**alice, **({"Idempotency-Key": key} if key else {})}
    encoded = {name.encode(): value.encode("latin-1") for name, value in headers.items()}
    order = {"total_cents": 5, "currency": "EUR"}
    answer = await client.post("/orders", json=order, headers=encoded)
    assert answer.status_code == 400
    assert answer.json()["code"].startswith("idempotency_key")


@pytest.mark.parametrize("key", ["x", "x" * 255, '"' + "x" * 255 + '"', '"with space"', "!~#$"])
async def test_what_is_a_key(
    client: httpx.AsyncClient, alice: dict[str, str], add: Add, key: str
) -> None:
    """One to 255 characters, bare or in quotes, are a key."""
    assert (await add(client, alice, key=key)).status_code == 201


async def test_refused_request_leaves_its_key(
    client: httpx.AsyncClient, alice: dict[str, str], add: Add
) -> None:
    """After a 422 the same key is good for the corrected request."""
    assert (await add(client, alice, key="k", total_cents=-1)).status_code == 422
    assert (await add(client, alice, key="k")).status_code == 201


async def test_failed_commit_is_no_success(
    service: Instance,
    alice: dict[str, str],
    add: Add,
    database_url: str,
    postgres_server: PostgresServer,
) -> None:
    """What the database refuses at the commit is a 5xx; then neither order nor key is there."""
    refuse = """
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '40001'; END $$;
    CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON orders DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION refuse()
    """
    postgres_server.run(refuse, url=database_url)
    refused = await add(service.client, alice, key="k")
    assert (refused.status_code, refused.json()["code"]) == (503, "busy")
    assert postgres_server.run(COUNT, url=database_url) == "0"
    postgres_server.run("DROP FUNCTION refuse CASCADE", url=database_url)
    assert (await add(service.client, alice, key="k")).status_code == 201


async def test_flushed_redis_forgets_no_key(
    client: httpx.AsyncClient, alice: dict[str, str], add: Add, raw: Any
) -> None:
    """Keys outlive whatever happens to Redis."""
    first = await add(client, alice, key="k")
    await raw.flushall()
    assert (await add(client, alice, key="k")).content == first.content


async def test_token_of_a_user_who_has_gone(
    client: httpx.AsyncClient,
    alice: dict[str, str],
    add: Add,
    database_url: str,
    postgres_server: PostgresServer,
) -> None:
    """A token that outlived its user cannot order."""
    postgres_server.run("DELETE FROM users", url=database_url)
    assert (await add(client, alice)).status_code == 401
