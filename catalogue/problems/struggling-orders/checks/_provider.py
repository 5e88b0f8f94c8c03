"""The payment provider: signs events as Standard Webhooks 1.0 says, or wrongly on purpose."""

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping
from typing import Any

from acidtest.grader.sdk import Answer, Env, dump_json, unmet

from ._leaked import leaked

TAKEN = frozenset(range(200, 300))
REFUSED = frozenset({401, 403})
PAID = "a_signed_event_pays_the_order"
"""The check without which whatever is refused would be refused in vain."""


def active_secrets(env: Env) -> list[str]:
    """The secrets the service was told, the newest first."""
    return [secret for secret in env.secrets if secret.startswith("whsec_")]


def leaked_secret() -> str:
    """The secret in the history of the old repository."""
    return leaked()["WEBHOOK_SECRET"]


def event(order_id: int, kind: str = "payment.succeeded") -> bytes:
    """An event as bytes."""
    return dump_json({"type": kind, "data": {"order_id": order_id}})


def signature(secret: str, webhook_id: str, at: int, body: bytes) -> str:
    """The `v1` signature of a message."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.digest(key, f"{webhook_id}.{at}.".encode() + body, hashlib.sha256)
    return f"v1,{base64.b64encode(digest).decode()}"


def signed(
    env: Env, body: bytes, *, secret: str | None = None, name: str | None = None, age: int = 0
) -> dict[str, str]:
    """The headers of a message.

    Args:
        env: draws its id.
        body: what is signed.
        secret: the newest unless given.
        name: the id of the message.
        age: seconds since it was signed; negative for the future.
    """
    webhook_id = name or f"msg_{env.word(20)}"
    at = int(time.time()) - age
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(at),
        "webhook-signature": signature(secret or active_secrets(env)[0], webhook_id, at, body),
    }


async def deliver(env: Env, body: bytes, headers: Mapping[str, str], **options: Any) -> Answer:
    """Send an event with these headers."""
    return await env.send("payment_event", body, headers=headers, **options)


async def pending_order(env: Env) -> int:
    """An order of this check's own that waits for its payment."""
    rows = await env.db.fetch(
        "insert into public.orders (user_id, status, currency, total_cents, created_at)"
        " values (1, 'pending', 'EUR', 100, '2025-01-01T00:00:00Z') returning id"
    )
    return int(rows[0]["id"])


async def status_of(env: Env, order_id: int) -> str:
    """The status of an order, in the database."""
    sql = "select status::text as status from public.orders where id = $1"
    return str((await env.db.fetch(sql, order_id))[0]["status"])


async def set_status(env: Env, order_id: int, status: str) -> None:
    """Change an order past the service."""
    await env.db.execute(
        "update public.orders set status = $2::text::public.order_status where id = $1",
        order_id,
        status,
    )


async def audited(env: Env) -> list[dict[str, Any]]:
    """The audit, as the statement names it."""
    there = await env.db.fetch("select to_regclass('public.webhook_audit') as name")
    if there[0]["name"] is None:
        unmet("There is no table or view `webhook_audit`")
    return await env.db.fetch(
        "select received_at, webhook_id::text as webhook_id, outcome::text as outcome"
        " from public.webhook_audit"
    )
