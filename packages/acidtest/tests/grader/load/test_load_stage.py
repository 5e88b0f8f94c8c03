"""The generator's process against a real server: what is sent, counted, timed and given up."""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from acidtest.catalogue.problem import LoadSpec
from acidtest.core.clock import RunClock
from acidtest.core.errors import InfrastructureError
from acidtest.core.evidence import FaultMark
from acidtest.grader.client import Endpoint
from acidtest.grader.load import (
    Load,
    LoadPlan,
    LoadRequest,
    LoadResult,
    Surroundings,
    gauge,
    send_load,
)

Put = Callable[..., Awaitable[LoadResult]]


def _ok(value: Any) -> bytes:
    body = json.dumps(value).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def _status(code: int) -> bytes:
    return b"HTTP/1.1 %d Said\r\nContent-Length: 0\r\n\r\n" % code


async def test_every_request_is_sent_and_counted(served: Any, put: Put) -> None:
    """Exactly the asked number is sent, warm-up apart, on few connections that are kept."""
    result = await put(rate=200, seconds=0.5, warm_up=0.25)

    assert len(served.asked) == 150
    assert (result.record.requests, result.record.good, result.record.failed) == (100, 100, 0)
    assert result.connections < 40
    assert served.connections < 40
    assert sum(slot.requests for slot in result.record.slots) == 100


async def test_places_are_filled_and_users_take_turns(served: Any, put: Put) -> None:
    """Each request carries its own key and the next user's token, and a true length."""
    request = LoadRequest(
        name="create",
        method="POST",
        path="/orders?n=${n}",
        headers={"Authorization": "Bearer ${token}", "Idempotency-Key": "${uuid}"},
        body='{"amount": ${n}, "name": "ä${word}"}',
    )
    users = ({"token": "anna"}, {"token": "bert"})

    await put(plan=LoadPlan(requests=(request,), users=users), rate=40)

    asked = sorted(served.asked, key=lambda one: int(one.path.partition("=")[2]))
    assert [one.headers["authorization"] for one in asked] == ["Bearer anna", "Bearer bert"] * 10
    assert len({one.headers["idempotency-key"] for one in asked}) == 20
    assert [json.loads(one.body)["amount"] for one in asked] == list(range(20))
    assert all(one.headers["user-agent"].startswith("python") for one in asked)


async def test_a_slow_answer_delays_no_other_request(served: Any, put: Put) -> None:
    """While the server is silent for long, requests go on coming, on more connections."""
    held = asyncio.Event()

    async def answer(_asked: Any) -> bytes:
        await held.wait()
        return _ok({})

    async def release() -> None:
        await served.until(lambda: len(served.asked) == 50)
        held.set()

    served.answer = answer
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(release())
        result = await put(rate=100, seconds=0.5, timeout=10.0)

    assert result.record.good == 50
    assert result.connections == 50


async def test_a_timeout_counts_as_its_limit_and_as_a_failure(served: Any, put: Put) -> None:
    """What is not answered in time is a failure with the limit as its time."""
    served.answer = lambda asked: _ok({}) if int(asked.path[1:]) % 3 else asyncio.sleep(60)

    result = await put(LoadRequest(name="one", path="/${n}"), rate=60, seconds=0.5, timeout=3.0)

    record = result.record
    assert (record.requests, record.good) == (30, 20)
    assert record.failures == {"no whole answer came in time": 10}
    assert record.percentiles["100"] == pytest.approx(3_000, rel=0.01)
    assert result.error_share == pytest.approx(1 / 3)


async def test_quick_errors_do_not_make_it_fast(served: Any, put: Put) -> None:
    """Answers with a wrong status count with the time-out, so no percentile gets better."""
    served.answer = lambda _asked: _status(500) if len(served.asked) % 2 else _ok({})

    result = await put(rate=100, seconds=0.4, timeout=2.0)

    assert result.record.failures == {"answered 500": 20}
    assert result.p95 == pytest.approx(2_000, rel=0.01)
    assert result.examples[0].status == 500
    assert result.record.by_request[0].statuses == {"200": 20, "500": 20}


async def test_shedding_is_told_apart(served: Any, put: Put) -> None:
    """A status that the plan declares as shedding is neither good nor failed."""
    served.answer = lambda _asked: _status(429)

    result = await put(LoadRequest(name="one", path="/", shed=(429, 503)))

    assert (result.record.good, result.record.shed, result.record.failed) == (0, 50, 0)


async def test_wrong_bodies_are_failures(served: Any, put: Put) -> None:
    """A 200 whose body is another's, lacks a field or is no JSON is worth nothing."""
    bodies = {"/a": {"id": "a", "items": [{"total": 1}]}, "/b": {"id": "x"}, "/c": {"id": "c"}}
    served.answer = lambda asked: _ok(bodies[asked.path])
    plan = LoadPlan(
        requests=(
            LoadRequest(
                name="one",
                path="/${name}",
                keys=("items.0.total",),
                equals={"id": "${name}"},
                capture="items.0.total",
            ),
        ),
        users=({"name": "a"}, {"name": "b"}, {"name": "c"}),
    )

    result = await put(plan=plan, rate=60, seconds=0.5)

    assert result.record.good == 10
    assert result.captured_by("one") == ("1",) * 10
    assert sorted(result.record.failures) == ["the body has no items.0.total"]


async def test_the_mix_decides_what_is_sent(served: Any, put: Put) -> None:
    """The weights of the profile win over those of the plan."""
    await put(
        LoadRequest(name="read", path="/read"),
        LoadRequest(name="write", path="/write", method="POST"),
        LoadRequest(name="never", path="/never"),
        mix={"read": 80, "write": 20},
        rate=400,
    )

    paths = [one.path for one in served.asked]
    assert "/never" not in paths
    assert 20 <= paths.count("/write") <= 70


async def test_a_service_that_closes_every_connection_is_served(served: Any, put: Put) -> None:
    """Connection: close leads to a new connection for every request and to no failure."""
    served.answer = lambda _asked: (
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    )

    result = await put()

    assert result.record.failed == 0
    assert served.connections == 50


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"220 mail ESMTP\r\n\r\n", "what came back is not HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", "larger than a client accepts"),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 9\r\n\r\nhalf", "closed before"),
        (None, "closed before"),
    ],
)
async def test_a_broken_answer_is_a_failure_with_its_reason(
    served: Any, put: Put, said: bytes | None, reason: str
) -> None:
    """Whatever a server says wrongly is counted under what was wrong, and the load goes on."""
    served.answer = lambda _asked: said

    result = await put(rate=40)

    assert result.record.failed == 20
    assert len(result.record.failures) == 1
    assert reason in next(iter(result.record.failures))


async def test_nobody_listening_is_a_failure_of_every_request(served: Any, put: Put) -> None:
    """Refused connections fail every request at once, and each counts with the time-out."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        served.port = free.getsockname()[1]

    result = await put(rate=40, timeout=1.0)

    assert result.record.failures == {"the connection was refused": 20}
    assert result.p50 == pytest.approx(1_000, rel=0.01)


async def test_connections_are_bounded_and_waiting_counts(served: Any, put: Put) -> None:
    """Beyond the bound a request waits for a connection, and its time runs meanwhile."""

    async def answer(_asked: Any) -> bytes:
        await asyncio.sleep(0.1)
        return _ok({})

    served.answer = answer

    result = await put(rate=100, seconds=0.5, connections=2, timeout=5.0)

    assert served.connections == 2
    assert result.record.good == 50
    assert result.p95 > 1_000
    assert result.record.from_sending["95"] > 1_000


async def test_sockets_of_another_network_come_through_the_channel(served: Any) -> None:
    """Where instances lie in networks of their own, every socket is made by their factories."""
    made: list[int] = []

    def factory(number: int) -> Callable[[], socket.socket]:
        def make() -> socket.socket:
            made.append(number)
            return socket.socket(socket.AF_INET, socket.SOCK_STREAM)

        return make

    endpoints = [
        Endpoint(name=f"replica-{n}", port=served.port, socket_factory=factory(n)) for n in (1, 2)
    ]
    served.answer = lambda _asked: (
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    )
    plan = LoadPlan(requests=(LoadRequest(name="one", path="/"),))
    spec = LoadSpec(rate=400, seconds=0.5, timeout=2.0)

    result = await send_load(
        Load("boxed", spec, plan, "7"), lambda: endpoints, Surroundings(RunClock())
    )

    assert result.record.good == 200
    assert {1, 2} == set(made)
    assert len(made) >= 200


async def test_an_instance_that_is_started_again_is_found(served: Any) -> None:
    """While it is gone requests fail; from its start on they go to its new place and succeed."""
    made = {"old": 0, "gone": 0, "new": 0}
    running: list[str] = ["old"]

    def factory(name: str) -> Callable[[], socket.socket]:
        def make() -> socket.socket:
            if name not in running:
                made["gone"] += 1
                raise InfrastructureError("the sandbox is closed")
            made[name] += 1
            return socket.socket(socket.AF_INET, socket.SOCK_STREAM)

        return make

    with socket.create_server(("127.0.0.1", 0)) as closed:
        dead = closed.getsockname()[1]
    place = {
        "old": Endpoint(name="replica-1", port=dead, socket_factory=factory("old")),
        "new": Endpoint(name="replica-1", port=served.port, socket_factory=factory("new")),
    }
    current = ["old"]

    async def restart() -> None:
        await served.until(lambda: made["old"] >= 60)
        running.clear()
        asked = made["gone"]
        await served.until(lambda: made["gone"] > asked)
        running.append("new")
        current[0] = "new"

    plan = LoadPlan(requests=(LoadRequest(name="one", path="/"),))
    spec = LoadSpec(rate=100, seconds=3.0, timeout=2.0)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(restart())
        result = await send_load(
            Load("restarted", spec, plan, "7"),
            lambda: [place[current[0]]],
            Surroundings(RunClock()),
        )

    record = result.record
    assert set(record.failures) == {"the connection was refused"}
    assert record.good == len(served.asked) > 0
    assert record.slots[0].failed == record.slots[0].requests
    assert record.slots[-1].failed == 0


async def test_the_record_lies_on_the_clock_of_the_run(served: Any) -> None:
    """Slots and faults carry the run's time, so that they can be drawn on one line."""
    clock = RunClock()
    asked: list[tuple[float, float]] = []

    def marks(begin: float, end: float) -> list[FaultMark]:
        asked.append((begin, end))
        return [FaultMark(at=begin, target="postgres", text="stalled")]

    plan = LoadPlan(requests=(LoadRequest(name="one", path="/"),))
    begun = clock.now()
    result = await send_load(
        Load("small", LoadSpec(rate=100, seconds=0.5), plan, "7"),
        lambda: [Endpoint(name="replica-1", port=served.port)],
        Surroundings(clock, marks=marks),
    )

    ended = clock.now()
    assert begun < asked[0][0] < asked[0][1] < ended
    assert begun < result.record.at < result.record.slots[-1].at < ended
    assert result.record.marks[0].text == "stalled"


async def test_the_trivial_service_answers_everything() -> None:
    """The calibration measures a service that has no failures."""
    async with asyncio.timeout(30), gauge() as meter:
        result = await meter.measure(RunClock())

    assert result.record.failed == 0
    assert result.record.requests == 200


async def test_a_cancelled_load_ends_its_process(served: Any, put: Put) -> None:
    """A check that runs out of time leaves no generator behind."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1.5):
            await put(rate=20, seconds=60)
    await served.until(lambda: not served.open)
