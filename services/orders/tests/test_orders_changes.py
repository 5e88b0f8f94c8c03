from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import pytest

from acidkit.testing import Instance, PostgresServer, at_once

pytestmark = pytest.mark.lab

Add = Callable[..., Awaitable[httpx.Response]]
SignUp = Callable[..., Awaitable[dict[str, str]]]
StartWith = Callable[..., AbstractAsyncContextManager[Instance]]

ROW = "SELECT total_cents, currency, status, version FROM orders"


@pytest.fixture
async def path(client: httpx.AsyncClient, alice: dict[str, str], add: Add) -> str:
    """The path of an order of Alice: five euro cents, pending."""
    return (await add(client, alice)).headers["location"]


@pytest.fixture
def row(database_url: str, postgres_server: PostgresServer) -> Callable[[], str]:
    """Reads the one order from the database."""
    return lambda: postgres_server.run(ROW, url=database_url)


@pytest.mark.parametrize(
    ("change", "stored"),
    [
        ({"total_cents": 0}, "0|EUR|pending|2"),
        ({"total_cents": 2**31 - 1, "currency": "JPY"}, "2147483647|JPY|pending|2"),
        ({"status": "paid"}, "5|EUR|paid|2"),
        ({"status": "cancelled", "total_cents": 7}, "7|EUR|cancelled|2"),
        ({"status": "pending", "currency": "EUR"}, "5|EUR|pending|1"),
        ({}, "5|EUR|pending|1"),
    ],
)
async def test_only_what_was_named_changes(
    client: httpx.AsyncClient,
    alice: dict[str, str],
    path: str,
    row: Callable[[], str],
    change: dict[str, Any],
    stored: str,
) -> None:
    """A change writes the fields it names; what is there already is no change."""
    before = (await client.get(path, headers=alice)).json()
    answer = await client.patch(path, json=change, headers=alice)
    assert (answer.status_code, answer.json()) == (200, {**before, **change})
    assert (await client.get(path, headers=alice)).json() == answer.json()
    assert row() == stored


@pytest.mark.parametrize("settled", ["paid", "cancelled"])
async def test_settled_order_stays(
    client: httpx.AsyncClient,
    alice: dict[str, str],
    path: str,
    row: Callable[[], str],
    settled: str,
) -> None:
    """An order that was paid or cancelled does not change any more; saying so again is harmless."""
    await client.patch(path, json={"status": settled}, headers=alice)
    before = row()
    for change in (
        {"status": "pending"},
        {"status": "cancelled" if settled == "paid" else "paid"},
        {"total_cents": 6},
        {"currency": "USD"},
        {"status": settled, "total_cents": 6},
    ):
        answer = await client.patch(path, json=change, headers=alice)
        assert (answer.status_code, answer.json()["code"]) == (409, "order_settled")
    same = await client.patch(path, json={"status": settled}, headers=alice)
    assert same.status_code == 200
    assert row() == before


@pytest.mark.parametrize(
    "body",
    [
        '{"id": "5e4c7c9e-0b39-4f0c-9a43-9b2a1c0e7b11", "total_cents": 9}',
        '{"user_id": "5e4c7c9e-0b39-4f0c-9a43-9b2a1c0e7b11", "total_cents": 9}',
        '{"created_at": "2020-01-01T00:00:00Z", "total_cents": 9}',
        '{"version": 9, "total_cents": 9}',
        '{"note": "x", "total_cents": 9}',
        '{"total_cents": null}',
        '{"status": null}',
        '{"status": "shipped"}',
        '{"status": "PAID"}',
        '{"total_cents": "9"}',
        '{"total_cents": 9.0}',
        '{"total_cents": true}',
        '{"total_cents": -1}',
        '{"total_cents": 2147483648}',
        '{"currency": "eur"}',
        '{"currency": "ZZZ"}',
        "[]",
        "null",
        "{",
        "",
    ],
)
async def test_refused_change_changes_nothing(
    client: httpx.AsyncClient,
    alice: dict[str, str],
    path: str,
    row: Callable[[], str],
    body: str,
) -> None:
    """Unknown fields, fields that are not the client's and bad values leave the row as it was."""
    headers = {**alice, "Content-Type": "application/json"}
    answer = await client.patch(path, content=body, headers=headers)
    assert answer.status_code in {400, 422}
    assert row() == "5|EUR|pending|1"


async def test_changes_of_different_fields_at_once(
    start: StartWith, sign_up: SignUp, add: Add, row: Callable[[], str]
) -> None:
    """Two changes of different fields at the same moment lose neither."""
    async with start() as one, start() as two:
        who = await sign_up(one.client)
        path = (await add(one.client, who)).headers["location"]
        clients = [one.client, two.client]
        for cents in range(10, 20):
            currency = "USD" if cents % 2 else "EUR"
            changes: list[dict[str, Any]] = [{"total_cents": cents}, {"currency": currency}]

            async def change(
                number: int, changes: list[dict[str, Any]] = changes
            ) -> httpx.Response:
                return await clients[number].patch(path, json=changes[number], headers=who)

            answers = await at_once(2, change)
            assert {answer.status_code for answer in answers} == {200}
            assert row().startswith(f"{cents}|{currency}|pending|")


async def test_one_of_two_statuses_wins(start: StartWith, sign_up: SignUp, add: Add) -> None:
    """Of contradicting changes of status exactly one kind wins, and it stays."""
    async with start() as one, start() as two:
        who = await sign_up(one.client)
        clients = [one.client, two.client]
        statuses = ["paid", "cancelled"]
        for _ in range(10):
            path = (await add(one.client, who)).headers["location"]

            async def settle(number: int, path: str = path) -> httpx.Response:
                change = {"status": statuses[number % 2]}
                return await clients[number % 2].patch(path, json=change, headers=who)

            answers = await at_once(6, settle)
            won = {answer.json()["status"] for answer in answers if answer.status_code == 200}
            assert len(won) == 1
            assert sorted(answer.status_code for answer in answers) == [200] * 3 + [409] * 3
            assert (await two.client.get(path, headers=who)).json()["status"] == won.pop()
