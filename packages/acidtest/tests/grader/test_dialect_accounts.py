"""Services with accounts are understood in their own words: who registers, signs in and asks."""

import contextlib
import json
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from acidtest.catalogue.problem import Problem
from acidtest.core.clock import RunClock
from acidtest.grader.client import Endpoint, HttpClient, Request
from acidtest.grader.contract import OpenApiDocument
from acidtest.grader.dialect import Dialect, discover
from acidtest.grader.dialect.testing_accounts import Orders

PACKAGE = Path(__file__).parents[4] / "catalogue/problems/orders"
FORM_DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "x", "version": "1"},
    "paths": {
        "/auth/login": {
            "post": {
                "requestBody": {
                    "content": {
                        "application/x-www-form-urlencoded": {
                            "schema": {
                                "required": ["username", "password"],
                                "properties": {
                                    "username": {"type": "string"},
                                    "password": {"type": "string"},
                                },
                            }
                        }
                    }
                }
            }
        }
    },
}


CAMEL = {
    "total_cents": "totalCents",
    "user_id": "userId",
    "access_token": "accessToken",
    "refresh_token": "refreshToken",
    "expires_in": "expiresIn",
}
VARIANTS = {
    "as in the statement": Orders(),
    "camel, prefixed, wrapped": Orders(
        prefix="/api/v1", names=CAMEL, envelope=lambda value: {"data": value}
    ),
    "tokens at once, and nested": Orders(
        names={"access_token": "access", "refresh_token": "refresh"},
        registered=lambda user, session: {"user": user, "tokens": session},
        signed_in=lambda session: {"user": {"id": 1, "email": "x"}, "tokens": session},
        envelope=lambda value: {"success": True, "data": value},
    ),
    "jwt and username": Orders(
        paths={"register": "/signup", "login": "/token", "logout_all": "/auth/logout/all"},
        names={"access_token": "token", "email": "username", "total_cents": "amount_cents"},
        login_names={"email": "username"},
    ),
    "silent, with short names": Orders(
        names={"email": "mail", "password": "pwd", "refresh_token": "refresh"}, mute=True
    ),
    "tokens as objects": Orders(
        signed_in=lambda session: {
            "access_token": {"token": session["access_token"], "expires_in": 900},
            "refresh_token": {"token": session["refresh_token"]},
        }
    ),
    "a form at log-in": Orders(
        form=True, login_names={"email": "username"}, document=FORM_DOCUMENT
    ),
}


@contextlib.asynccontextmanager
async def running(service: Orders) -> AsyncIterator[HttpClient]:
    """The service on a free port, and a client that reaches it."""
    runner = web.AppRunner(service.app(), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    client = HttpClient([Endpoint(name="a", port=port)], record=lambda _: None, clock=RunClock())
    try:
        async with client:
            yield client
    finally:
        await runner.cleanup()


async def learned(service: Orders, client: HttpClient) -> Dialect:
    """The dialect of the service as discovery finds it."""
    data = yaml.safe_load((PACKAGE / "problem.yaml").read_text())
    document = None
    if service.document is not None:
        document = OpenApiDocument.parse(json.dumps(service.document).encode(), source="x")
    return await discover(
        Problem(**data, folder=PACKAGE), overrides={}, openapi=document, probe=client.send
    )


@pytest.mark.parametrize("service", VARIANTS.values(), ids=VARIANTS.keys())
async def test_a_user_signs_in_and_orders_in_any_words(service: Orders) -> None:
    """A user, said in canonical names, registers, signs in, orders, changes, refreshes and goes."""
    async with running(service) as client:
        dialect = await learned(service, client)
        assert dialect.mismatches == ()

        async def say(operation: str, body: Any = None, token: str = "", **ids: object) -> Any:
            headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": str(uuid.uuid4())}
            raw = None
            if body is not None:
                raw, headers["Content-Type"] = dialect.body(operation, body)
            path = dialect.path(operation, **ids)
            request = Request(dialect.method(operation), path, headers=headers, body=raw)
            reply = await client.send(request)
            assert reply.ok, (operation, reply.text)
            spec = dialect.problem.operations[operation]
            return dialect.decode(operation, reply.json()) if spec.returns else reply

        who = {"email": "someone@example.com", "password": "Kx7!correct-horse"}
        user = await say("register", who)
        assert user["email"] == who["email"]
        session = await say("login", who)
        token = session["access_token"]
        order = await say("create_order", {"total_cents": 7, "currency": "CHF"}, token)
        assert (order["total_cents"], order["currency"], order["status"]) == (7, "CHF", "pending")
        changed = await say("change_order", {"status": "paid"}, token, order_id=order["id"])
        assert changed["status"] == "paid"
        assert (await say("get_order", None, token, order_id=order["id"]))["id"] == order["id"]
        assert [o["id"] for o in await say("list_orders", None, token)] == [order["id"]]
        renewed = await say("refresh", {"refresh_token": session["refresh_token"]})
        await say("logout", {"refresh_token": renewed["refresh_token"]})
        await say("logout_all", None, renewed["access_token"])
        assert token not in service.access


async def test_a_service_without_accounts_is_told_what_is_missing() -> None:
    """Where nobody can register, what rests on a user is assumed and the operation is named."""
    async with running(Orders(prefix="/somewhere/else")) as client:
        dialect = await learned(Orders(), client)

        assert "register" in {mismatch.subject for mismatch in dialect.mismatches}
        assert dialect.path("login") == "/auth/login"
