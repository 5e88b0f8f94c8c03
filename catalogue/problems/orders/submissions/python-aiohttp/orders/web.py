"""Paths, statuses and headers."""

import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import hdrs, web

from orders import cursors, log, rules
from orders.accounts import Accounts
from orders.database import Database
from orders.errors import Refusal, answer, malformed
from orders.limits import Limits
from orders.sessions import Sessions
from orders.settings import Settings
from orders.store import Store
from orders.trace import trace_id_of

PREFIX = "/api"
BODY_LIMIT = 64 * 1024
UNLIMITED = ("/healthz", "/readyz")
OPENAPI = Path(__file__).parent.parent / "openapi.yaml"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Api:
    """The handlers and what they stand on."""

    settings: Settings
    database: Database
    accounts: Accounts
    sessions: Sessions
    store: Store
    limits: Limits
    cursor_key: bytes

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post(f"{PREFIX}/auth/register", self.register),
            web.post(f"{PREFIX}/auth/login", self.log_in),
            web.post(f"{PREFIX}/auth/refresh", self.refresh),
            web.post(f"{PREFIX}/auth/logout", self.log_out),
            web.post(f"{PREFIX}/auth/logout-all", self.log_out_all),
            web.post(f"{PREFIX}/orders", self.add),
            web.get(f"{PREFIX}/orders", self.page),
            web.get(f"{PREFIX}/orders/{{id}}", self.get),
            web.patch(f"{PREFIX}/orders/{{id}}", self.change),
            web.get(f"{PREFIX}/openapi.yaml", self.openapi),
            web.get("/healthz", self.alive),
            web.get("/readyz", self.ready),
        ]

    async def register(self, request: web.Request) -> web.Response:
        email, password = rules.registration(await _body(request))
        return _json(await self.accounts.register(email, password), 201, private=True)

    async def log_in(self, request: web.Request) -> web.Response:
        email, password = rules.credentials(await _body(request))
        return _json(await self.accounts.log_in(email, password), private=True)

    async def refresh(self, request: web.Request) -> web.Response:
        token = rules.refresh_token(await _body(request))
        return _json(await self.sessions.refresh(token), private=True)

    async def log_out(self, request: web.Request) -> web.Response:
        await self.sessions.end(rules.refresh_token(await _body(request)))
        return web.Response(status=204)

    async def log_out_all(self, request: web.Request) -> web.Response:
        await self.sessions.end_all(await self._user(request))
        return web.Response(status=204)

    async def add(self, request: web.Request) -> web.Response:
        user = await self._user(request)
        key = rules.idempotency_key(request.headers.get("Idempotency-Key"))
        body = await _body(request)
        stored = await self.store.add(user, key, rules.fingerprint(body), rules.new_order(body))
        return web.Response(
            status=201,
            body=stored.answer,
            content_type="application/json",
            headers={"Location": f"{PREFIX}/orders/{stored.order}"},
        )

    async def page(self, request: web.Request) -> web.Response:
        user = await self._user(request)
        limit, cursor = request.query.get("limit"), request.query.get("cursor")
        after = cursors.read(self.cursor_key, user, cursor) if cursor is not None else None
        orders, place = await self.store.page(user, rules.limit(limit), after)
        following = cursors.write(self.cursor_key, user, place) if place else None
        return _json({"orders": orders, "next_cursor": following})

    async def get(self, request: web.Request) -> web.Response:
        user = await self._user(request)
        return _json(await self.store.get(user, rules.order_id(request.match_info["id"])))

    async def change(self, request: web.Request) -> web.Response:
        user = await self._user(request)
        order = rules.order_id(request.match_info["id"])
        return _json(await self.store.change(user, order, rules.changes(await _body(request))))

    async def openapi(self, _request: web.Request) -> web.StreamResponse:
        return web.Response(text=OPENAPI.read_text(), content_type="application/yaml")

    async def alive(self, _request: web.Request) -> web.Response:
        """This process answers. A database that is down is no reason to restart it."""
        return _json({"status": "ok"})

    async def ready(self, _request: web.Request) -> web.Response:
        """Worth sending requests to."""
        await self.database.rows("SELECT 1")
        return _json({"status": "ready"})

    async def _user(self, request: web.Request) -> int:
        user = await self.sessions.bearer(request.headers.get(hdrs.AUTHORIZATION))
        await self.limits.take(f"user:{user}", self.settings.per_user)
        return user


def application(api: Api, stopping: Callable[[], bool]) -> web.Application:
    """The application; `stopping` says whether clients should look for another instance."""

    @web.middleware
    async def around(request: web.Request, handler: Handler) -> web.StreamResponse:
        began = time.monotonic()
        trace_id = trace_id_of(request.headers.get("traceparent"))
        try:
            if request.path not in UNLIMITED:
                await api.limits.take(f"ip:{request.remote}", api.settings.per_ip)
            response = await handler(request)
        except Exception as error:
            response = answer(_refusal(error, trace_id), trace_id)
        response.headers["X-Trace-Id"] = trace_id
        if stopping():
            response.force_close()
        log.say(
            "request",
            trace_id=trace_id,
            method=request.method[:20],
            path=request.path[:200],
            status=response.status,
            ms=round((time.monotonic() - began) * 1000),
        )
        return response

    app = web.Application(middlewares=[around], client_max_size=BODY_LIMIT)
    app.add_routes(api.routes())
    return app


def _refusal(error: Exception, trace_id: str) -> Refusal:
    """Any error in the words of this service."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, web.HTTPException):
        refusal = Refusal(error.status, error.reason.lower().replace(" ", "_"), f"{error.reason}.")
        if hdrs.ALLOW in error.headers:
            refusal.headers[hdrs.ALLOW] = error.headers[hdrs.ALLOW]
        return refusal
    if isinstance(error, web.RequestPayloadError):
        return malformed("The body cannot be read.")
    log.say("unexpected", level="error", trace_id=trace_id, **log.about(error))
    return Refusal(500, "unexpected", "Something went wrong on our side.")


async def _body(request: web.Request) -> dict[str, Any]:
    kind = request.content_type
    if hdrs.CONTENT_TYPE in request.headers and not (kind == "application/json" or kind.endswith("+json")):
        raise Refusal(415, "unsupported", "Send the body as application/json.")
    if hdrs.CONTENT_ENCODING in request.headers:
        raise Refusal(415, "unsupported", "Send the body without a content coding.")
    return rules.parse(await request.read())


def _json(value: Any, status: int = 200, *, private: bool = False) -> web.Response:
    headers = {"Cache-Control": "no-store"} if private else {}
    return web.Response(
        status=status, body=json.dumps(value).encode(), content_type="application/json", headers=headers
    )
