import asyncio
import random
from collections.abc import Awaitable, Callable

import httpx
import pytest

from acidkit.testing import Instance, PostgresServer

pytestmark = pytest.mark.lab

Add = Callable[..., Awaitable[httpx.Response]]

# Sixty orders, some of one moment, the newest last.
FILL = """
INSERT INTO orders (id, user_id, total_cents, currency, created_at)
SELECT gen_random_uuid(), (SELECT id FROM users WHERE email = 'alice@example.com'), n, 'EUR',
    now() - interval '1 hour' + (n / 20) * interval '1 second'
FROM generate_series(0, 59) AS n
"""


@pytest.fixture
async def filled(
    alice: dict[str, str], database_url: str, postgres_server: PostgresServer
) -> list[str]:
    """The ids of Alice's sixty orders, newest first."""
    assert alice
    postgres_server.run(FILL, url=database_url)
    text = postgres_server.run(
        "SELECT id FROM orders ORDER BY created_at DESC, id DESC", url=database_url
    )
    return text.splitlines()


async def walk(
    client: httpx.AsyncClient,
    who: dict[str, str],
    url: str | None,
    *,
    rel: str = "next",
    between: Callable[[], Awaitable[object]] | None = None,
) -> list[list[str]]:
    """Follow links and return the ids of every page."""
    pages: list[list[str]] = []
    while url:
        answer = await client.get(url, headers=who)
        body = answer.json()
        pages.append([item["id"] for item in body["items"]])
        url = answer.links.get(rel, {}).get("url")
        if rel == "next":
            assert (url is None) == (body["next_cursor"] is None)
        if between:
            await between()
    return pages


async def test_walk_gives_every_order_once(
    client: httpx.AsyncClient, alice: dict[str, str], filled: list[str], add: Add
) -> None:
    """Orders of one moment are neither skipped nor repeated while others are added."""
    pages = await walk(client, alice, "/orders?limit=7", between=lambda: add(client, alice))
    assert [one for page in pages for one in page] == filled


async def test_walk_leads_back(
    client: httpx.AsyncClient, alice: dict[str, str], filled: list[str]
) -> None:
    """The links `prev` lead the same way back."""
    there = await walk(client, alice, "/orders?limit=25")
    assert [len(page) for page in there] == [25, 25, 10]
    first = await client.get("/orders?limit=25", headers=alice)
    second = await client.get(first.links["next"]["url"], headers=alice)
    third = await client.get(second.links["next"]["url"], headers=alice)
    back = await walk(client, alice, third.links["prev"]["url"], rel="prev")
    assert back == [filled[25:50], filled[:25]]
    assert third.links["first"]["url"] == "/orders?limit=25"


async def test_page_is_one_statement(
    service: Instance,
    alice: dict[str, str],
    filled: list[str],
    statements: list[str],
) -> None:
    """A page costs one statement, however many orders are on it."""
    assert filled
    for limit in (1, 50):
        statements.clear()
        answer = await service.client.get(f"/orders?limit={limit}", headers=alice)
        assert len(answer.json()["items"]) == limit
        await asyncio.sleep(0)  # the driver tells of a statement at the loop's next turn
        assert len(statements) == 1


async def test_size_of_a_page(
    client: httpx.AsyncClient, alice: dict[str, str], filled: list[str]
) -> None:
    """A page holds twenty unless asked otherwise, and a hundred at most."""
    assert filled
    assert len((await client.get("/orders", headers=alice)).json()["items"]) == 20
    for limit in (100, 101, 10**30):
        answer = await client.get(f"/orders?limit={limit}", headers=alice)
        assert (answer.status_code, len(answer.json()["items"])) == (200, 60)


@pytest.mark.parametrize("limit", ["0", "-1", "x", "1.5", ""])
async def test_senseless_size(client: httpx.AsyncClient, alice: dict[str, str], limit: str) -> None:
    """What cannot be a size is refused."""
    answer = await client.get(f"/orders?limit={limit}", headers=alice)
    assert answer.status_code == 422


async def test_cursor_of_somebody_else(
    client: httpx.AsyncClient, alice: dict[str, str], bob: dict[str, str], filled: list[str]
) -> None:
    """A cursor that was given to another user is refused."""
    assert filled
    cursor = (await client.get("/orders?limit=1", headers=alice)).json()["next_cursor"]
    answer = await client.get("/orders", params={"cursor": cursor}, headers=bob)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_cursor")


async def test_altered_cursor(
    client: httpx.AsyncClient, alice: dict[str, str], filled: list[str]
) -> None:
    """A cursor with any character changed, added or removed is refused."""
    assert filled
    cursor: str = (await client.get("/orders?limit=1", headers=alice)).json()["next_cursor"]
    chance = random.Random(7)
    altered = [cursor + "A", cursor[:-1], " ", "é", "A" * 54]
    for _ in range(20):
        place = chance.randrange(len(cursor) - 1)
        other = chance.choice([c for c in "ABCabc012-_" if c != cursor[place]])
        altered.append(cursor[:place] + other + cursor[place + 1 :])
    for text in altered:
        answer = await client.get("/orders", params={"cursor": text}, headers=alice)
        assert answer.status_code == 400, text
