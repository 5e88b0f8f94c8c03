from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from acidkit.testing import PostgresServer

pytestmark = pytest.mark.lab

Add = Callable[..., Awaitable[httpx.Response]]

GOOD = '{"total_cents": 5, "currency": "EUR"}'
STRANGER = "5e4c7c9e-0b39-4f0c-9a43-9b2a1c0e7b11"


@pytest.mark.parametrize(
    ("order", "place"),
    [
        ({"total_cents": -1}, "#/total_cents"),
        ({"total_cents": 2**31}, "#/total_cents"),
        ({"total_cents": 10**400}, "#/total_cents"),
        ({"total_cents": 10.5}, "#/total_cents"),
        ({"total_cents": 10.0}, "#/total_cents"),
        ({"total_cents": "100"}, "#/total_cents"),
        ({"total_cents": True}, "#/total_cents"),
        ({"total_cents": None}, "#/total_cents"),
        ({"total_cents": [1]}, "#/total_cents"),
        ({"currency": "eur"}, "#/currency"),
        ({"currency": "EURO"}, "#/currency"),
        ({"currency": "EU"}, "#/currency"),
        ({"currency": "ZZZ"}, "#/currency"),
        ({"currency": "EUR\n"}, "#/currency"),
        ({"currency": "E\u0000R"}, "#/currency"),
        ({"currency": "\u0395UR"}, "#/currency"),
        ({"currency": ""}, "#/currency"),
        ({"currency": None}, "#/currency"),
        ({"currency": 978}, "#/currency"),
        ({"status": "paid"}, "#/status"),
        ({"user_id": STRANGER}, "#/user_id"),
        ({"id": STRANGER}, "#/id"),
        ({"created_at": "2020-01-01T00:00:00Z"}, "#/created_at"),
        ({"version": 7}, "#/version"),
    ],
)
async def test_order_that_breaks_a_rule(
    client: httpx.AsyncClient,
    alice: dict[str, str],
    add: Add,
    order: dict[str, Any],
    place: str,
) -> None:
    """What breaks a rule is refused with its place, and nothing is stored."""
    answer = await add(client, alice, **order)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
    assert [error["pointer"] for error in answer.json()["errors"]] == [place]
    assert (await client.get("/orders", headers=alice)).json()["items"] == []


@pytest.mark.parametrize("missing", ["total_cents", "currency"])
async def test_order_without_a_field(
    client: httpx.AsyncClient, alice: dict[str, str], missing: str
) -> None:
    """Both fields are needed."""
    order = {"total_cents": 5, "currency": "EUR"}
    del order[missing]
    headers = {**alice, "Idempotency-Key": "k"}
    answer = await client.post("/orders", json=order, headers=headers)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "missing")


@pytest.mark.parametrize(
    "order",
    [
        {"total_cents": 0},
        {"total_cents": 2**31 - 1},
        *({"currency": code} for code in ("EUR", "USD", "GBP", "JPY", "CHF")),
    ],
)
async def test_values_at_the_edge(
    client: httpx.AsyncClient, alice: dict[str, str], add: Add, order: dict[str, Any]
) -> None:
    """Values at the edge of a rule are accepted and come back as they were sent."""
    made = await add(client, alice, **order)
    assert made.status_code == 201
    shown = (await client.get(made.headers["location"], headers=alice)).json()
    assert {name: shown[name] for name in order} == order


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        ("{", "application/json", 400),
        ("", "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"\xef\xbb\xbf" + GOOD.encode(), "application/json", 400),
        ('{"total_cents": NaN, "currency": "EUR"}', "application/json", 422),
        ('{"total_cents": 5, "currency": "\\ud800"}', "application/json", 400),
        ("[" * 100_000, "application/json", 400),
        ("[]", "application/json", 422),
        ("null", "application/json", 422),
        ('"text"', "application/json", 422),
        ("7", "application/json", 422),
        (GOOD, "text/plain", 415),
        (GOOD, "application/x-www-form-urlencoded", 415),
        (GOOD, "", 415),
        ('{"x": "' + "x" * 300_000 + '"}', "application/json", 413),
    ],
)
async def test_body_that_is_no_order(
    client: httpx.AsyncClient, alice: dict[str, str], body: str | bytes, kind: str, status: int
) -> None:
    """What is not JSON, no object, of another type or too large is refused in one shape."""
    headers = {**alice, "Idempotency-Key": "k", **({"Content-Type": kind} if kind else {})}
    answer = await client.post("/orders", content=body, headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.json()["trace_id"]


async def test_sql_in_a_value_stays_a_value(
    client: httpx.AsyncClient,
    alice: dict[str, str],
    add: Add,
    database_url: str,
    postgres_server: PostgresServer,
) -> None:
    """What looks like SQL in a key or an address is text."""
    evil = "x');DROP/**/TABLE/**/orders;--"
    assert (await add(client, alice, key=evil)).status_code == 201
    login = {"email": f"{evil}@example.com", "password": evil}
    assert (await client.post("/auth/login", json=login)).status_code == 401
    kept = postgres_server.run("SELECT key FROM idempotency_keys", url=database_url)
    assert kept == evil


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/orders", "GET, POST"),
        (f"/orders/{STRANGER}", "GET, PATCH"),
        ("/auth/register", "POST"),
        ("/auth/login", "POST"),
    ],
)
async def test_unknown_method(client: httpx.AsyncClient, path: str, allow: str) -> None:
    """A method that a path does not know is 405, naming those it knows."""
    answer = await client.delete(path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allow)
