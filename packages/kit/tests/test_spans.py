import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from acidkit import create_app
from acidkit.observe import start_spans

PARENT = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def collector() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """A collector's address and what it was sent."""
    received: list[tuple[str, bytes]] = []

    class Sink(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            received.append((self.path, body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Sink)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", received
    server.shutdown()
    thread.join()
    server.server_close()


@asynccontextmanager
async def nothing(_: FastAPI) -> AsyncIterator[None]:
    """Open nothing."""
    yield


async def test_spans_continue_the_callers_trace(
    collector: tuple[str, list[tuple[str, bytes]]],
) -> None:
    """With an endpoint, spans reach it under the trace id that the answer shows."""
    endpoint, received = collector
    app = create_app(
        "Example",
        [],
        version="1",
        registry=CollectorRegistry(),
        resources=nothing,
        probes={},
        tracer=start_spans(service="example", endpoint=endpoint),
    )
    transport = httpx.ASGITransport(app)
    header = {"traceparent": f"00-{PARENT}-b7ad6b7169203331-01"}
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://t", headers=header) as client,
    ):
        answer = await client.get("/livez")
    assert answer.headers["x-trace-id"] == PARENT
    assert {path for path, _ in received} == {"/v1/traces"}
    assert any(bytes.fromhex(PARENT) in body for _, body in received)


def test_no_endpoint_no_spans() -> None:
    """Without an endpoint nothing is traced."""
    assert start_spans(service="example", endpoint=None) is None
