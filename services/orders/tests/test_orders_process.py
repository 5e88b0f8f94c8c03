import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from acidkit.testing import PostgresServer
from acidkit.testing.service import ServiceProcess

pytestmark = pytest.mark.lab

ACCOUNT = {"email": "canary-mail@example.com", "password": "canary-password"}
ORDER = {"total_cents": 5, "currency": "EUR"}
PARENT = "0af7651916cd43dd8448eb211c80319c"
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"

Launch = Callable[..., ServiceProcess]


@contextmanager
def held(database_url: str, lock: str) -> Iterator[None]:
    """Hold a lock as another client of the database until the block ends."""
    psql = subprocess.Popen(
        ["psql", "-XAtq", "-d", database_url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert psql.stdin
    assert psql.stdout
    psql.stdin.write(f"BEGIN; {lock}; SELECT 'held';\n")
    psql.stdin.flush()
    while psql.stdout.readline() != "held\n":
        assert psql.poll() is None
    try:
        yield
    finally:
        psql.communicate("COMMIT;\n", timeout=10)


@contextmanager
def signed_in(url: str) -> Iterator[httpx.Client]:
    """Yield a client of somebody who is registered and logged in."""
    with httpx.Client(base_url=url, timeout=15) as client:
        client.post("/auth/register", json=ACCOUNT)
        tokens = client.post("/auth/login", json=ACCOUNT).json()
        client.headers["Authorization"] = f"Bearer {tokens['access_token']}"
        yield client


def post(client: httpx.Client, key: str) -> httpx.Response:
    """Add an order."""
    return client.post("/orders", json=ORDER, headers={"Idempotency-Key": key})


def wait_until(condition: Callable[[], bool]) -> None:
    """Poll until something holds."""
    deadline = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_two_processes_store_one_order(
    launch: Launch, database_url: str, postgres_server: PostgresServer
) -> None:
    """Threads that send one key to two processes at once get one order."""
    processes = [launch(), launch()]
    with (
        signed_in(processes[0].url) as one,
        httpx.Client(base_url=processes[1].url, headers=one.headers) as two,
    ):
        for turn in range(5):
            answers: list[httpx.Response] = []
            barrier = threading.Barrier(8)

            def send(
                client: httpx.Client,
                key: str,
                barrier: threading.Barrier = barrier,
                answers: list[httpx.Response] = answers,
            ) -> None:
                barrier.wait(timeout=10)
                answers.append(post(client, key))

            threads = [
                threading.Thread(target=send, args=((one, two)[number % 2], f"turn-{turn}"))
                for number in range(8)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(timeout=15)
            assert {answer.status_code for answer in answers} <= {201, 409}
            assert len({a.content for a in answers if a.status_code == 201}) == 1
    assert postgres_server.run("SELECT count(*) FROM orders", url=database_url) == "5"


def test_crash_between_commit_and_answer(
    launch: Launch, database_url: str, postgres_server: PostgresServer
) -> None:
    """Killed while its insert was at work, the service stored all or nothing, and a retry tells."""
    process = launch()
    with signed_in(process.url) as client:
        headers = client.headers
        # The insert waits for this lock; PostgreSQL finishes it although the service is dead.
        with held(database_url, "LOCK TABLE orders IN SHARE MODE"):
            sender = threading.Thread(target=lambda: _ignored(lambda: post(client, "crash")))
            sender.start()
            wait_until(lambda: postgres_server.run(WAITING) != "0")
            process.kill()
            sender.join(timeout=15)
        count = "SELECT count(*) FROM orders"
        keys = "SELECT count(*) FROM idempotency_keys"
        wait_until(
            lambda: (
                postgres_server.run(
                    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'orders'"
                )
                == "0"
            )
        )
        stored = postgres_server.run(count, url=database_url)
        assert stored == postgres_server.run(keys, url=database_url)
    with httpx.Client(base_url=launch().url, headers=headers, timeout=15) as again:
        answer = post(again, "crash")
        assert answer.status_code == 201
        assert again.get(answer.headers["location"]).json() == answer.json()
    assert postgres_server.run(count, url=database_url) == "1"


def _ignored(act: Callable[[], object]) -> None:
    try:
        act()
    except httpx.HTTPError:
        return


def test_answered_orders_outlive_a_crash(launch: Launch) -> None:
    """What was answered with 201 and 200 is there after kill -9 and a new start."""
    process = launch()
    with signed_in(process.url) as client:
        headers = client.headers
        stored = [post(client, f"k{number}").json() for number in range(10)]
        path = f"/orders/{stored[0]['id']}"
        stored[0] = client.patch(path, json={"status": "paid"}).json()
    process.kill()
    with httpx.Client(base_url=launch().url, headers=headers) as client:
        listed = client.get("/orders").json()["items"]
        assert listed == stored[::-1]


def test_requests_under_way_are_finished_at_the_end(
    launch: Launch, database_url: str, postgres_server: PostgresServer
) -> None:
    """After SIGTERM a request under way is answered, new ones find no port, and the exit is 0."""
    process = launch(DRAIN_SECONDS="0.2")
    answers: list[httpx.Response] = []
    with signed_in(process.url) as client:
        with held(database_url, "LOCK TABLE orders"):
            sender = threading.Thread(target=lambda: answers.append(post(client, "late")))
            sender.start()
            wait_until(lambda: postgres_server.run(WAITING) != "0")
            process.signal(signal.SIGTERM)
            process.wait_for("Shutting down")
        sender.join(timeout=10)
    assert [answer.status_code for answer in answers] == [201]
    assert process.end() == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{process.url}/health")


def test_log_has_trace_ids_and_no_secrets(launch: Launch) -> None:
    """Every line is JSON; a request is found by its trace id; no secret of anybody appears."""
    secret = "canary-secret-" + "5e" * 16
    process = launch(SECRET_KEY=secret, LOG_LEVEL="DEBUG")
    with signed_in(process.url) as client:
        tokens = client.post("/auth/login", json=ACCOUNT).json()
        client.headers["traceparent"] = f"00-{PARENT}-b7ad6b7169203331-01"
        post(client, "k")
        error = client.get("/orders/abc").json()
        client.post("/auth/login", json={**ACCOUNT, "password": "canary-wrong"})
        client.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
    process.signal(signal.SIGTERM)
    process.end()
    lines = [json.loads(line) for line in process.lines]
    told = [line["status"] for line in lines if line.get("trace_id") == PARENT and "ms" in line]
    assert error["trace_id"] == PARENT
    assert told == [201, 422, 401, 200]
    text = "".join(process.lines)
    for hidden in ("canary", tokens["refresh_token"], tokens["access_token"]):
        assert hidden not in text


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({}, "secret_key"),
        ({"SECRET_KEY": "canary"}, "secret_key"),
        ({"SECRET_KEY": "5e" * 32, "RATE_LIMIT_PER_IP": "-1"}, "rate_limit_per_ip"),
        ({"SECRET_KEY": "5e" * 32, "TRUSTED_PROXIES": "everybody"}, "trusted_proxies"),
        ({"SECRET_KEY": "5e" * 32, "ACCESS_TOKEN_SECONDS": "86400"}, "access_token_seconds"),
    ],
)
def test_bad_settings_are_named(home: Path, environment: dict[str, str], named: str) -> None:
    """With a setting missing or out of bounds the service does not start, and says which."""
    done = subprocess.run(
        [sys.executable, "-m", "orders"],
        cwd=home,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": "src",
            "DATABASE_URL": "postgresql://x@127.0.0.1:1/x",
            "REDIS_URL": "redis://127.0.0.1:1/0",
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode != 0
    assert named in done.stderr
    for secret in ("canary", "5e5e"):
        assert secret not in done.stderr
