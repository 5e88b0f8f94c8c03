"""A service with accounts and orders in anybody's words, for tests of what has to understand it.

Shipped with the dialect, like its Book Review service: whoever signs in needs somebody to sign in
to.
"""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


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
