"""The load stage: starts the generator beside a running service and reads what it found.

It knows nothing of checks. What it needs of the service is where it listens, which is all the
generator gets, too.
"""

import asyncio
import json
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any, NamedTuple

from acidtest.catalogue.problem import LoadSpec
from acidtest.core.clock import RunClock
from acidtest.core.errors import HarnessError
from acidtest.core.evidence import FaultMark, LatencySlot, LoadRecord, RequestFigures
from acidtest.grader.client import Endpoint
from acidtest.grader.client.transport import NEUTRAL
from acidtest.grader.load import doubt
from acidtest.grader.load.order import Order
from acidtest.grader.load.plan import LoadPlan
from acidtest.grader.load.result import Captured, Example, LoadResult
from acidtest.grader.load.sockets import Supplier, Where
from acidtest.grader.machine import Reading, Use

Tell = Callable[[str], None]
Marks = Callable[[float, float], Sequence[FaultMark]]

_MAX_LINE = 64 * 1024 * 1024
_START_SECONDS = 30.0
_SPARE_SECONDS = 30.0
_TOLD_EVERY = 5
"""Lines of progress are one a second; a log wants fewer."""


class Load(NamedTuple):
    """A load to be put on a service."""

    name: str
    spec: LoadSpec
    plan: LoadPlan
    seed: str


class Surroundings(NamedTuple):
    """What a load needs of the judge."""

    clock: RunClock
    tell: Tell = lambda _text: None
    """Told about every five seconds how it goes."""
    marks: Marks = lambda _begin, _end: ()
    """What the judge did to the service's world in a span of the clock."""
    apart: Callable[[], Awaitable[float]] | None = None
    """Processor seconds of the service where its processes do not descend from the judge."""


async def send_load(load: Load, where: Where, surroundings: Surroundings) -> LoadResult:
    """Put `load` on the instances that are `where` it says, in turn, and return its result.

    Raises:
        HarnessError: the generator did not do its work.
    """
    async with AsyncExitStack() as stack:
        endpoints = where()
        supplier = Supplier(where) if _apart(endpoints) else None
        if supplier is not None:
            stack.callback(supplier.close)
        order = Order(
            plan=load.plan,
            spec=load.spec,
            seed=load.seed,
            targets=tuple((endpoint.host, endpoint.port) for endpoint in endpoints),
            neutral=NEUTRAL,
            channel=None if supplier is None else supplier.theirs.fileno(),
        )
        process = await _start(order)
        stack.push_async_callback(_end, process)
        if supplier is not None:
            supplier.theirs.close()
        try:
            async with asyncio.timeout(_whole(load.spec)):
                heard = await _listen(process, order, load, surroundings)
        except TimeoutError:
            raise HarnessError("the load generator did not end in time") from None
    return _result(load, heard, surroundings)


class _Heard(NamedTuple):
    """What the generator told, and what the machine did meanwhile."""

    began: float
    told: dict[str, Any]
    use: Use


def _whole(spec: LoadSpec) -> float:
    return _START_SECONDS + spec.warm_up + spec.seconds + spec.timeout + _SPARE_SECONDS


def _apart(endpoints: Sequence[Endpoint]) -> bool:
    """Whether the instances lie in networks of their own."""
    factories = [endpoint.socket_factory is not None for endpoint in endpoints]
    if any(factories) != all(factories):
        raise HarnessError("some instances are in networks of their own and some are not")
    return all(factories)


async def _start(order: Order) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        "-m",
        "acidtest.grader.load.generator",
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        env={},
        limit=_MAX_LINE,
        pass_fds=() if order.channel is None else (order.channel,),
    )


async def _end(process: Process) -> None:
    if process.returncode is None:
        process.kill()
    await process.wait()


async def _listen(process: Process, order: Order, load: Load, surroundings: Surroundings) -> _Heard:
    if process.stdin is None or process.stdout is None or process.stderr is None:
        raise HarnessError("the load generator has no pipes")
    errors = asyncio.create_task(process.stderr.read(4_096))
    try:
        process.stdin.write(order.model_dump_json().encode())
        await process.stdin.drain()
        process.stdin.close()
        return await _hear(process.stdout, load, surroundings)
    except (ConnectionError, _SilentError):
        said = (await errors).decode(errors="replace")
        raise HarnessError(f"the load generator broke: {said[-800:]}") from None
    finally:
        errors.cancel()


class _SilentError(Exception):
    """The generator ended without a result."""


async def _hear(lines: asyncio.StreamReader, load: Load, surroundings: Surroundings) -> _Heard:
    began, number = 0.0, 0
    first: Reading | None = None
    while line := await lines.readline():
        told: dict[str, Any] = json.loads(line)
        if "began" in told:
            began = told["began"]
            first = await _read(surroundings)
        elif "result" in told:
            if first is None:
                break
            return _Heard(began, told, first.until(await _read(surroundings)))
        else:
            number += 1
            if number % _TOLD_EVERY == 0:
                surroundings.tell(_progress(load, told, time.monotonic() - began))
    raise _SilentError


async def _read(surroundings: Surroundings) -> Reading:
    apart = 0.0 if surroundings.apart is None else await surroundings.apart()
    return await asyncio.to_thread(Reading.take, apart)


def _progress(load: Load, told: dict[str, Any], passed: float) -> str:
    whole = load.spec.warm_up + load.spec.seconds
    failed = f", {told['failed']} failed" if told["failed"] else ""
    warming = " (warming up)" if passed < load.spec.warm_up else ""
    return (
        f"{load.name}: {load.spec.rate:g} per second, {passed:.0f} of {whole:.0f} s{warming},"
        f" p95 {told['p95']:.1f} ms{failed}"
    )


def _result(load: Load, heard: _Heard, surroundings: Surroundings) -> LoadResult:
    told, found, spec = heard.told, heard.told["result"], load.spec
    # The generator tells moments of the machine's clock; evidence lies on the run's.
    shift = surroundings.clock.now() - time.monotonic()
    begin = heard.began + shift
    objective = spec.objective
    examples = tuple(Example(**example) for example in found.pop("examples"))
    slots = found.pop("slots")
    by_request = found.pop("by_request")
    record = LoadRecord(
        at=begin + spec.warm_up,
        name=load.name,
        warm_up=spec.warm_up,
        seconds=spec.seconds,
        asked=spec.rate,
        percentile=None if objective is None else objective.percentile,
        limit=None if objective is None else objective.limit_ms,
        error_share=None if objective is None else objective.error_share,
        busy=heard.use.busy,
        foreign=heard.use.foreign,
        judge=heard.use.judge,
        pressure=heard.use.pressure,
        **found,
        by_request=tuple(RequestFigures(**figures) for figures in by_request),
        slots=tuple(LatencySlot(**{**slot, "at": slot["at"] + begin}) for slot in slots),
        marks=tuple(surroundings.marks(begin, told["ended"] + shift)),
    )
    doubts = (*doubt.of_sending(record), *doubt.of_machine(record, None))
    return LoadResult(
        record=record.model_copy(update={"doubts": doubts}),
        captured=tuple(Captured(*row) for row in told["captured"]),
        dropped=told["dropped"],
        examples=examples,
        connections=told["connections"],
        processor=told["processor"],
    )
