"""Services with accounts are understood in their own words: who registers, signs in and asks."""

import contextlib
import json
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
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


def _flat(session: dict[str, Any]) -> Any:
    return session


@dataclass
class Orders:
    """A service with accounts and orders, in memory, in somebody's words."""

    prefix: str = ""
    paths: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    """Its names of canonical fields."""
    login_names: dict[str, str] | None = None
    """Its names at log-in, where they differ."""
    registered: Callable[[dict[str, Any], dict[str, Any]], Any] = lambda user, _session: user
    signed_in: Callable[[dict[str, Any]], Any] = _flat
    envelope: Callable[[Any], Any] = lambda value: value
    form: bool = False
    mute: bool = False
    """Whether it refuses without saying why."""
    document: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        self.users: dict[str, dict[str, Any]] = {}
        self.access: dict[str, str] = {}
        self.refreshing: dict[str, str] = {}
        self.orders: dict[str, dict[str, Any]] = {}

    def app(self) -> web.Application:
        """The service as it listens."""
        app = web.Application()

        def at(name: str, usual: str) -> str:
            return self.prefix + self.paths.get(name, usual)

        app.router.add_post(at("register", "/auth/register"), self._register)
        app.router.add_post(at("login", "/auth/login"), self._login)
        app.router.add_post(at("refresh", "/auth/refresh"), self._refresh)
        app.router.add_post(at("logout", "/auth/logout"), self._logout)
        app.router.add_post(at("logout_all", "/auth/logout-all"), self._logout_all)
        app.router.add_get(at("orders", "/orders"), self._list)
        app.router.add_post(at("orders", "/orders"), self._create)
        app.router.add_get(at("orders", "/orders") + "/{id}", self._get)
        app.router.add_patch(at("orders", "/orders") + "/{id}", self._change)
        return app

    def _name(self, own: str) -> str:
        return self.names.get(own, own)

    async def _read(
        self, request: web.Request, *wanted: str, names: dict[str, str] | None = None
    ) -> dict[str, Any]:
        words = self.names if names is None else names
        wants_form = self.form and names is not None
        body = dict(await request.post()) if wants_form else await request.json()
        theirs = {words.get(own, own): own for own in wanted}
        missing = [name for name in theirs if name not in body]
        if missing:
            said = "Bad Request" if self.mute else f"{missing[0]} is required"
            raise _refused(400, said)
        return {own: body[name] for name, own in theirs.items()}

    async def _register(self, request: web.Request) -> web.Response:
        said = await self._read(request, "email", "password")
        user = {"id": str(uuid.uuid4()), "created_at": "2024-01-01T00:00:00Z", **said}
        self.users[said["email"]] = user
        shown = {self._name(k): v for k, v in user.items() if k != "password"}
        body = self.envelope(self.registered(shown, self._session(said["email"])))
        return web.json_response(body, status=201)

    def _session(self, email: str) -> dict[str, Any]:
        access, refresh = f"a-{uuid.uuid4()}", f"r-{uuid.uuid4()}"
        self.access[access], self.refreshing[refresh] = email, email
        values = {"access_token": access, "refresh_token": refresh, "expires_in": 900}
        return {self._name(k): v for k, v in values.items()}

    async def _login(self, request: web.Request) -> web.Response:
        names = self.names if self.login_names is None else self.login_names
        said = await self._read(request, "email", "password", names=names)
        user = self.users.get(said["email"])
        if user is None or user["password"] != said["password"]:
            raise _refused(401, "wrong")
        return web.json_response(self.envelope(self.signed_in(self._session(said["email"]))))

    async def _refresh(self, request: web.Request) -> web.Response:
        said = await self._read(request, "refresh_token")
        email = self.refreshing.pop(said["refresh_token"], None)
        if email is None:
            raise _refused(401, "spent")
        return web.json_response(self.envelope(self.signed_in(self._session(email))))

    async def _logout(self, request: web.Request) -> web.Response:
        said = await self._read(request, "refresh_token")
        if self.refreshing.pop(said["refresh_token"], None) is None:
            raise _refused(401, "spent")
        return web.Response(status=204)

    async def _logout_all(self, request: web.Request) -> web.Response:
        email = self._who(request)
        self.access = {k: v for k, v in self.access.items() if v != email}
        return web.Response(status=204)

    def _who(self, request: web.Request) -> str:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in self.access:
            raise _refused(401, "who are you?")
        return self.access[token]

    async def _list(self, request: web.Request) -> web.Response:
        email = self._who(request)
        mine = [self._shown(o) for o in self.orders.values() if o["user_id"] == email]
        return web.json_response(self.envelope({"items": mine, "next_cursor": None}))

    async def _create(self, request: web.Request) -> web.Response:
        email = self._who(request)
        if not request.headers.get("Idempotency-Key"):
            raise _refused(400, "Idempotency-Key is missing")
        said = await self._read(request, "total_cents", "currency")
        order = {"id": str(uuid.uuid4()), "user_id": email, "status": "pending", **said}
        self.orders[order["id"]] = order
        return web.json_response(self.envelope(self._shown(order)), status=201)

    async def _get(self, request: web.Request) -> web.Response:
        return web.json_response(self.envelope(self._shown(self._mine(request))))

    async def _change(self, request: web.Request) -> web.Response:
        order = self._mine(request)
        own = {self._name(k): k for k in ("total_cents", "currency", "status")}
        body = await request.json()
        if set(body) - set(own):
            raise _refused(422, "unknown field")
        order.update({own[name]: value for name, value in body.items()})
        return web.json_response(self.envelope(self._shown(order)))

    def _mine(self, request: web.Request) -> dict[str, Any]:
        email, order = self._who(request), self.orders.get(request.match_info["id"])
        if order is None or order["user_id"] != email:
            raise _refused(404, "no such order")
        return order

    def _shown(self, order: dict[str, Any]) -> dict[str, Any]:
        return {self._name(k): v for k, v in order.items()}


def _refused(status: int, text: str) -> web.HTTPException:
    kinds: dict[int, Any] = {
        400: web.HTTPBadRequest,
        401: web.HTTPUnauthorized,
        404: web.HTTPNotFound,
        422: web.HTTPUnprocessableEntity,
    }
    made: web.HTTPException = kinds[status](
        text=json.dumps({"error": text}), content_type="application/json"
    )
    return made


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
