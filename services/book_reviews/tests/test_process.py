import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import redis.asyncio

from acidkit.testing import PostgresServer, RedisServer
from acidkit.testing.service import ServiceProcess

pytestmark = pytest.mark.lab

HOME = Path(__file__).parents[1]
BOOK = {"title": "T", "author": "A"}
PARENT = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def launch(
    database_url: str, redis_server: RedisServer, raw: redis.asyncio.Redis
) -> Iterator[Callable[..., ServiceProcess]]:
    """Launch processes of the service; none is left behind."""
    assert raw
    launched: list[ServiceProcess] = []

    def run(**environment: str) -> ServiceProcess:
        launched.append(
            ServiceProcess(
                "book_reviews",
                home=HOME,
                environment={
                    "DATABASE_URL": database_url,
                    "REDIS_URL": redis_server.url,
                    **environment,
                },
            )
        )
        return launched[-1]

    yield run
    for process in launched:
        process.kill()


def test_requests_under_way_are_finished_at_the_end(
    launch: Callable[..., ServiceProcess], database_url: str, postgres_server: PostgresServer
) -> None:
    """After SIGTERM a request under way is answered, new ones find no port, and the exit is 0."""
    process = launch(DRAIN_SECONDS="0.2")
    blocker = subprocess.Popen(
        ["psql", "-XAtq", "-d", database_url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert blocker.stdin
    assert blocker.stdout
    blocker.stdin.write("BEGIN; LOCK TABLE books; SELECT 'locked';\n")
    blocker.stdin.flush()
    assert blocker.stdout.readline() == "locked\n"
    answers: list[httpx.Response] = []
    client = threading.Thread(
        target=lambda: answers.append(httpx.post(f"{process.url}/books", json=BOOK, timeout=15))
    )
    client.start()
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    while postgres_server.run(waiting) == "0":
        time.sleep(0.01)
    process.signal(signal.SIGTERM)
    process.wait_for("Shutting down")
    blocker.communicate("COMMIT;\n", timeout=10)
    client.join(timeout=10)
    assert [answer.status_code for answer in answers] == [201]
    assert answers[0].headers["connection"] == "close"
    assert process.end() == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{process.url}/books")


def test_second_signal_ends_at_once(launch: Callable[..., ServiceProcess]) -> None:
    """Who asks twice does not wait for the drain."""
    process = launch(DRAIN_SECONDS="600")
    process.signal(signal.SIGTERM)
    process.wait_for("draining")
    assert httpx.get(f"{process.url}/readyz").json()["phase"] == "draining"
    process.signal(signal.SIGTERM)
    assert process.end() == 0


def test_answered_writes_outlive_a_crash(launch: Callable[..., ServiceProcess]) -> None:
    """What was answered with 201 is listed after kill -9 and a new start."""
    process = launch()
    with httpx.Client(base_url=process.url) as client:
        stored = {client.post("/books", json=BOOK).json()["id"] for _ in range(10)}
        client.get("/books")
    process.kill()
    with httpx.Client(base_url=launch().url) as client:
        assert {book["id"] for book in client.get("/books").json()["items"]} == stored


def test_log_is_json_with_trace_ids_and_without_secrets(
    launch: Callable[..., ServiceProcess], database_url: str
) -> None:
    """Every line is JSON; a request is found by its trace id; no password appears."""
    secret = "hunter2-%40-canary"
    parts = urlsplit(database_url)
    process = launch(
        DATABASE_URL=parts._replace(netloc=f"postgres:{secret}@").geturl(), LOG_LEVEL="DEBUG"
    )
    header = {"traceparent": f"00-{PARENT}-b7ad6b7169203331-01", "authorization": "Bearer canary2"}
    with httpx.Client(base_url=process.url, headers=header) as client:
        error = client.get("/books/7").json()
        client.post("/books", json={"title": "canary3", "author": "A", "isbn": "x"})
    process.signal(signal.SIGTERM)
    process.end()
    text = "".join(process.lines)
    lines = [json.loads(line) for line in process.lines]
    assert error["trace_id"] == PARENT
    assert [
        line["status"] for line in lines if line.get("trace_id") == PARENT and "ms" in line
    ] == [
        404,
        422,
    ]
    for canary in ("hunter2", "canary"):
        assert canary not in text


def test_missing_setting_is_named() -> None:
    """Without an address of the database the service does not start, and says what is missing."""
    done = subprocess.run(
        [sys.executable, "-m", "book_reviews"],
        cwd=HOME,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": "src", "REDIS_URL": "redis://x"},
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    assert done.returncode != 0
    assert "database_url" in done.stderr
