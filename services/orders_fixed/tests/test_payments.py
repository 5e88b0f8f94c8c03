"""Payment events: signed by somebody else's library, done once, always on record."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest
from standardwebhooks import Webhook

Sign = Callable[..., dict[str, str]]
PENDING = 2  # an order that the fixture leaves pending


@pytest.fixture
def sign(secrets: tuple[str, str]) -> Sign:
    """Headers of a message, made by the library of the standard's authors."""

    def made(body: bytes, *, name: str = "msg_1", age: int = 0, secret: int = 0) -> dict[str, str]:
        at = datetime.now(UTC) - timedelta(seconds=age)
        return {
            "content-type": "application/json",
            "webhook-id": name,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": Webhook(secrets[secret]).sign(name, at, body.decode()),
        }

    return made


def event(order_id: int = PENDING, kind: str = "payment.succeeded") -> bytes:
    """An event as bytes, with white space that another writer would not make."""
    return json.dumps({"type": kind, "data": {"order_id": order_id}}, indent=3).encode()


def rows(url: str, sql: str, *values: object) -> list[tuple[Any, ...]]:
    """What the database says."""
    with psycopg.connect(url) as connection:
        return connection.execute(sql.encode(), values).fetchall()


def status(url: str, order_id: int = PENDING) -> str:
    """The status of an order."""
    return str(rows(url, "SELECT status FROM orders WHERE id = %s", order_id)[0][0])


def audit(url: str) -> list[tuple[Any, ...]]:
    """The audit in the order of its rows."""
    return rows(url, "SELECT webhook_id, outcome FROM webhook_audit ORDER BY received_at")


@pytest.mark.parametrize("secret", [0, 1])
async def test_either_secret_signs(
    client: httpx.AsyncClient, database_url: str, sign: Sign, secret: int
) -> None:
    """A pending order is paid by an event that one of the active secrets signed."""
    body = event()
    answer = await client.post("/webhooks/payment", content=body, headers=sign(body, secret=secret))

    assert answer.status_code == 204
    assert status(database_url) == "paid"
    assert audit(database_url) == [("msg_1", "accepted")]


@pytest.mark.parametrize("change", ["unsigned", "altered", "old"])
async def test_what_is_not_genuine_is_refused_and_on_record(
    client: httpx.AsyncClient, database_url: str, sign: Sign, change: str
) -> None:
    """The order stays as it is, the answer is 401 or 403, and the audit has a row."""
    body = event()
    headers = {
        "unsigned": {},
        "altered": sign(json.dumps(json.loads(body)).encode()),
        "old": sign(body, age=400),
    }[change]
    answer = await client.post("/webhooks/payment", content=body, headers=headers)

    assert answer.status_code in {401, 403}
    assert status(database_url) == "pending"
    assert audit(database_url) == [(headers.get("webhook-id"), "rejected")]


async def test_a_repeated_event_does_nothing_more(
    client: httpx.AsyncClient, database_url: str, sign: Sign
) -> None:
    """A copy and a new attempt of the sender each leave a row and no effect."""
    body = event()
    first = sign(body, age=5)
    await client.post("/webhooks/payment", content=body, headers=first)
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE orders SET status = 'pending' WHERE id = 2")
    copy = await client.post("/webhooks/payment", content=body, headers=first)
    again = await client.post("/webhooks/payment", content=body, headers=sign(body))

    assert (copy.status_code, again.status_code) == (403, 204)
    assert status(database_url) == "pending"
    assert [outcome for _, outcome in audit(database_url)] == ["accepted", "duplicate", "duplicate"]


@pytest.mark.parametrize(
    "body", [event(999), event(PENDING, "payment.disputed"), b"[]", b"no json", event(2**70)]
)
async def test_a_genuine_event_about_nothing_is_taken(
    client: httpx.AsyncClient, database_url: str, sign: Sign, body: bytes
) -> None:
    """The sender need not try again, and nothing changes."""
    answer = await client.post("/webhooks/payment", content=body, headers=sign(body))

    assert answer.status_code == 204
    assert status(database_url) == "pending"


async def test_a_refund_cancels_only_what_was_paid(
    client: httpx.AsyncClient, database_url: str, sign: Sign
) -> None:
    """Events do not move an order past a step."""
    body = event(PENDING, "payment.refunded")
    await client.post("/webhooks/payment", content=body, headers=sign(body))

    assert status(database_url) == "pending"
