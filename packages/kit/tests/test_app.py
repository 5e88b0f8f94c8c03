from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Query
from openapi_spec_validator import validate
from prometheus_client import CollectorRegistry
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from acidkit import create_app
from acidkit.errors import Busy, Conflict, problem_responses
from acidkit.web import StrictRoute

PARENT = "0af7651916cd43dd8448eb211c80319c"


class Thing(BaseModel):
    """A body with a rule."""

    name: str
    size: int = 1


router = APIRouter(route_class=StrictRoute)


@router.post("/things", status_code=201, responses=problem_responses(Conflict, Busy))
async def make(thing: Thing) -> Thing:
    """Answer what was sent."""
    return thing


@router.get("/things")
async def things(limit: Annotated[int, Query(ge=1)] = 1) -> dict[str, int]:
    """Answer the limit."""
    return {"limit": limit}


@router.get("/crash")
async def crash() -> None:
    """Fail in a way nobody foresaw."""
    raise RuntimeError("secret detail /etc/passwd")


@router.get("/busy")
async def busy() -> None:
    """Say that there is too much to do."""
    raise Busy


@router.get("/teapot")
async def teapot() -> None:
    """Raise what only a library would."""
    raise HTTPException(418)


@asynccontextmanager
async def nothing(_: FastAPI) -> AsyncIterator[None]:
    """Open nothing."""
    yield


async def down() -> None:
    """Say that a dependency is gone."""
    raise OSError


def example(**options: object) -> FastAPI:
    """Return an app with these probes."""
    return create_app(
        "Example",
        [router],
        version="1",
        registry=CollectorRegistry(),
        resources=nothing,
        probes=options,  # type: ignore[arg-type]  # probes by name
    )


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """A client of the example, without a network."""
    app = example()
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://test") as made,
    ):
        yield made


HOSTILE = [
    b"{",
    b"",
    b"null",
    b'"text"',
    b"[]",
    b"\xff\xfe",
    b"[" * 100_000,
    b'{"name": "\\ud800"}',
    b'{"\\ud800": 1, "name": 3}',
    b'{"name": "a", "size": 1e400}',
    b'{"name": "a", "size": NaN}',
    b'{"name": "a", "size": ' + b"9" * 5000 + b"}",
    b'{"name": ["' + b"x" * 1000 + b'"]}',
]


@pytest.mark.parametrize("body", HOSTILE)
async def test_hostile_body_is_refused_as_a_problem(client: httpx.AsyncClient, body: bytes) -> None:
    """However a body is broken, the answer is a small 4xx problem with the trace id."""
    answer = await client.post(
        "/things", content=body, headers={"content-type": "application/json"}
    )
    problem = answer.json()
    assert answer.status_code in {400, 422}
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["status"] == answer.status_code
    assert problem["trace_id"] == answer.headers["x-trace-id"]
    assert len(answer.content) < 2000


async def test_each_broken_rule_has_its_pointer(client: httpx.AsyncClient) -> None:
    """A client learns every place that is wrong, in the body and in the query."""
    body = (await client.post("/things", json={"size": "x"})).json()
    assert [error["pointer"] for error in body["errors"]] == ["#/name", "#/size"]
    query = (await client.get("/things", params={"limit": 0})).json()
    assert query["errors"][0]["pointer"] == "query/limit"


async def test_wrong_media_type_is_415(client: httpx.AsyncClient) -> None:
    """A body that is not declared as JSON is refused for that reason."""
    answer = await client.post("/things", content=b"{}", headers={"content-type": "text/plain"})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize("chunked", [False, True])
async def test_large_body_is_413(client: httpx.AsyncClient, *, chunked: bool) -> None:
    """A body over the limit is refused in the common shape, declared or chunked."""

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield b"x" * 100_000

    answer = await client.post(
        "/things",
        content=pieces() if chunked else b"x" * 500_000,
        headers={"content-type": "application/json"},
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")
    assert answer.json()["trace_id"] == answer.headers["x-trace-id"]


async def test_unknown_method_names_all_known_ones(client: httpx.AsyncClient) -> None:
    """405 lists every method of the path, though they are separate routes."""
    answer = await client.delete("/things")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")


async def test_unknown_path_and_odd_status_keep_the_shape(client: httpx.AsyncClient) -> None:
    """404 and a status only a library raises are problems as well."""
    assert (await client.get("/nowhere")).json()["code"] == "not_found"
    assert (await client.get("/teapot")).json()["code"] == "im_a_teapot"


async def test_crash_tells_nothing(client: httpx.AsyncClient) -> None:
    """An unforeseen error is a 500 problem without a word of its inside."""
    answer = await client.get("/crash")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "secret" not in answer.text


async def test_busy_says_when_to_come_back(client: httpx.AsyncClient) -> None:
    """503 carries Retry-After."""
    answer = await client.get("/busy")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


async def test_trace_of_the_caller_is_continued(client: httpx.AsyncClient) -> None:
    """The caller's trace id is in the header and in the error body."""
    header = {"traceparent": f"00-{PARENT}-b7ad6b7169203331-01"}
    answer = await client.get("/nowhere", headers=header)
    assert answer.headers["x-trace-id"] == answer.json()["trace_id"] == PARENT


async def test_metrics_have_bounded_labels(client: httpx.AsyncClient) -> None:
    """Paths and methods that clients invent share one label."""
    for number in range(20):
        await client.request("BREW", f"/pot/{number}")
    await client.get("/things")
    text = (await client.get("/metrics")).text
    assert 'http_requests_total{method="OTHER",route="unmatched",status="404"} 20.0' in text
    assert 'http_requests_total{method="GET",route="/things",status="200"} 1.0' in text
    assert "/pot" not in text


async def test_openapi_is_valid_and_holds_the_error_shape() -> None:
    """The document validates and its problems point at a schema that is there."""
    document = example().openapi()
    validate(document)
    answer = document["paths"]["/things"]["post"]["responses"]["409"]
    assert answer["content"]["application/problem+json"]["schema"]["$ref"].endswith("ProblemBody")
    assert "FieldError" in document["components"]["schemas"]


async def test_readiness_and_liveness_answer_different_questions() -> None:
    """A dead dependency and a draining process turn readiness red and leave liveness green."""
    app = example(database=down)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://test") as client,
    ):
        red = await client.get("/readyz")
        assert (red.status_code, red.json()["checks"]) == (503, {"database": "down"})
        assert (await client.get("/livez")).status_code == 200
        app.state.lifecycle.drain()
        app.state.lifecycle.ready()
        draining = await client.get("/readyz")
        assert draining.json()["phase"] == "draining"
        assert draining.headers["connection"] == "close"
