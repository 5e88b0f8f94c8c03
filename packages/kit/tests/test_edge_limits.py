import asyncio
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import http_sf
import httpx
import psutil
import pytest
from fastapi import APIRouter, FastAPI, Request
from prometheus_client import CollectorRegistry
from starlette.datastructures import Headers

from acidkit import create_app
from acidkit.cache import CacheLink
from acidkit.limits import (
    Ask,
    Limiter,
    LimitMetrics,
    Rate,
    Rule,
    TrustedProxies,
    charge,
    install_limits,
)
from acidkit.testing import at_once

pytestmark = pytest.mark.lab

SERVED = """
from contextlib import asynccontextmanager
from fastapi import APIRouter, Request
from prometheus_client import CollectorRegistry
from acidkit import ServerSettings, create_app, serve

router = APIRouter()

@router.get("/me")
async def me(request: Request) -> str:
    return request.client.host

@asynccontextmanager
async def nothing(app):
    yield

app = create_app("x", [router], version="1", registry=CollectorRegistry(), resources=nothing,
                 probes={})
serve(app, ServerSettings(host="127.0.0.1", port=0))
"""

router = APIRouter()


@router.get("/things")
async def things(request: Request) -> str | None:
    """Answer who asked."""
    return request.client.host if request.client else None


@router.post("/login")
async def login() -> None:
    """Answer nothing."""


@router.post("/things")
async def heavy(thing: dict[str, int]) -> dict[str, int]:
    """Answer what was sent."""
    return thing


@router.get("/keyed")
async def keyed(request: Request) -> None:
    """Take from a bucket that is known here only."""
    ask = Ask("key", Rate.parse("2/1h"), "k1")
    await charge(request, ask, limiter=request.app.state.limiter)


def user_of(headers: Headers) -> str | None:
    """Return whom a valid token names."""
    return headers.get("authorization", "").removeprefix("Bearer ") or None


def limited(link: CacheLink, *rules: Rule, proxies: str = "") -> FastAPI:
    """Return an application with these limits."""
    registry = CollectorRegistry()

    @asynccontextmanager
    async def resources(app: FastAPI) -> AsyncIterator[None]:
        app.state.limiter = limiter
        await link.start()
        yield

    app = create_app(
        "Limited", [router], version="1", registry=registry, resources=resources, probes={}
    )
    limiter = Limiter(link, name="x", metrics=LimitMetrics(registry), patience=5)
    install_limits(
        app, rules, limiter=limiter, proxies=TrustedProxies.parse(proxies), identify=user_of
    )
    return app


@asynccontextmanager
async def asking(app: FastAPI, *, peer: str = "192.0.2.1") -> AsyncIterator[httpx.AsyncClient]:
    """Run the application and yield a client at this address."""
    transport = httpx.ASGITransport(app, client=(peer, 5))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://test") as client,
    ):
        yield client


def rule(rate: str, *, name: str = "ip", **options: Any) -> Rule:
    """Return a limit by address unless told otherwise."""
    return Rule(name=name, rate=Rate.parse(rate), **{"by": "ip", **options})


def fields(answer: httpx.Response, name: str) -> dict[str, dict[str, int]]:
    """Return a RateLimit field as a library of structured fields reads it."""
    parsed: Any = http_sf.parse(answer.headers[name].encode(), tltype="list")
    return dict(parsed)


async def test_every_answer_says_how_much_is_left(link: CacheLink) -> None:
    """Policies and standings are on good answers and on 404, and count down."""
    app = limited(link, rule("5/1h;burst=3"), rule("9/1m", name="user", by="user"))
    async with asking(app) as client:
        first = await client.get("/things", headers={"authorization": "Bearer ada"})
        second = await client.get("/nowhere")
    assert fields(first, "ratelimit-policy") == {
        "ip": {"q": 5, "w": 3600},
        "user": {"q": 9, "w": 60},
    }
    assert fields(first, "ratelimit")["user"]["r"] == 8
    assert fields(second, "ratelimit")["ip"]["r"] == 1
    assert 719 <= fields(second, "ratelimit")["ip"]["t"] <= 720


async def test_refusal_is_a_problem_with_all_it_takes_to_wait(link: CacheLink) -> None:
    """429 has the trace id, names the limit, and its Retry-After is not earlier than t."""
    async with asking(limited(link, rule("1/1m"), rule("9/1m", name="wide"))) as client:
        assert (await client.get("/things")).status_code == 200
        answer = await client.get("/things")
        metrics = (await client.get("/metrics")).text
    body = answer.json()
    assert (answer.status_code, body["violated-policies"]) == (429, ["ip"])
    assert answer.headers["content-type"] == "application/problem+json"
    assert body["trace_id"] == answer.headers["x-trace-id"]
    assert body["code"] == "quota_exceeded"
    assert fields(answer, "ratelimit") == {"ip": {"r": 0, "t": int(answer.headers["retry-after"])}}
    assert 59 <= int(answer.headers["retry-after"]) <= 60
    assert 'rate_limit_decisions_total{limit="ip",outcome="refused"} 1.0' in metrics
    assert 'status="429"} 1.0' in metrics


async def test_crowd_gets_exactly_the_quota(link: CacheLink) -> None:
    """Of three hundred requests at once, as many pass as the limit says; none is an error."""
    async with asking(limited(link, rule("40/1h"))) as client:
        answers = await at_once(300, lambda _: client.get("/things"), within=60)
    assert sorted({answer.status_code for answer in answers}) == [200, 429]
    assert sum(answer.status_code == 200 for answer in answers) == 40


async def test_health_and_metrics_are_never_limited(link: CacheLink) -> None:
    """Whoever watches the service gets answers and takes no units."""
    async with asking(limited(link, rule("1/1h"))) as client:
        for path in ("/livez", "/readyz", "/health", "/metrics") * 3:
            assert (await client.get(path)).status_code == 200
        assert (await client.get("/things")).status_code == 200
        assert (await client.get("/things")).status_code == 429
        assert (await client.get("/livez")).status_code == 200


async def test_body_of_a_refused_request_is_not_read(link: CacheLink) -> None:
    """A refusal by address costs nothing but the headers."""
    app = limited(link, rule("1/1h"))

    read = []

    async def body() -> AsyncIterator[bytes]:
        read.append("a piece")
        yield b"{}"

    async with asking(app) as client:
        await client.get("/things")
        answer = await client.post("/things", content=body())
    assert (answer.status_code, read) == (429, [])


@pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded", "x-real-ip"])
async def test_what_a_client_says_of_its_address_has_no_effect(
    link: CacheLink, header: str
) -> None:
    """A new invented address for each request does not give a new bucket."""
    async with asking(limited(link, rule("3/1h"))) as client:
        codes = [
            (await client.get("/things", headers={header: f"for=10.0.0.{n}"})).status_code
            for n in range(6)
        ]
    assert codes == [200] * 3 + [429] * 3


async def test_behind_our_proxy_each_client_has_its_own_bucket(link: CacheLink) -> None:
    """With a trusted proxy, clients are told apart and the application sees who they are."""
    async with asking(limited(link, rule("1/1h"), proxies="192.0.2.1")) as client:
        for number in range(3):
            address = f"203.0.113.{number}"
            header = {"x-forwarded-for": f"9.9.9.9, {address}"}
            assert (await client.get("/things", headers=header)).json() == address
            assert (await client.get("/things", headers=header)).status_code == 429


async def test_limit_on_one_route_leaves_the_others_alone(link: CacheLink) -> None:
    """Guesses of passwords are limited by address; a user's limit follows the user."""
    strict = rule("2/1h", name="login", costs={"POST /login": 1})
    mine = rule("2/1h", name="user", by="user")
    async with asking(limited(link, strict, mine)) as client:
        assert [(await client.post("/login")).status_code for _ in range(3)] == [200, 200, 429]
        codes = [
            (await client.get("/things", headers={"authorization": f"Bearer {who}"})).status_code
            for who in ("ada", "ada", "ada", "bob")
        ]
        assert codes == [200, 200, 429, 200]
        assert (await client.get("/things")).status_code == 200


async def test_charge_in_the_middle_joins_the_fields(link: CacheLink) -> None:
    """A bucket known only inside a route is shown beside the others, and refuses like them."""
    async with asking(limited(link, rule("9/1h"))) as client:
        first = await client.get("/keyed")
        await client.get("/keyed")
        refused = await client.get("/keyed")
    assert {name: each["r"] for name, each in fields(first, "ratelimit").items()} == {
        "ip": 8,
        "key": 1,
    }
    assert refused.status_code == 429
    assert list(fields(refused, "ratelimit")) == refused.json()["violated-policies"] == ["key"]


async def test_two_limits_of_one_name_are_refused(link: CacheLink) -> None:
    """A name is a bucket: two rules cannot mean it."""
    with pytest.raises(ValueError, match="one name"):
        limited(link, rule("1/s"), rule("2/s"))


async def test_server_believes_no_forwarding_header_on_its_own() -> None:
    """A service served by the kit sees its peer, also when the peer is this machine."""
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SERVED, stdout=pipe, stderr=pipe
    )
    try:
        async with asyncio.timeout(30):
            port = await listening_port(child.pid)
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
                answer = await client.get("/me", headers={"x-forwarded-for": "1.2.3.4"})
    finally:
        child.send_signal(signal.SIGTERM)
        await child.communicate()
    assert answer.json() == "127.0.0.1"


async def listening_port(pid: int) -> int:
    """Return the port on which a process listens, once it does."""
    process = psutil.Process(pid)
    while True:
        for each in process.net_connections(kind="inet"):
            if each.status == psutil.CONN_LISTEN and each.family == socket.AF_INET:
                return int(each.laddr.port)
        await asyncio.sleep(0.02)
