"""Calibration: the trivial service under a fixed small load, before and after what is measured."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from acidtest.catalogue.problem import LoadSpec
from acidtest.core.clock import RunClock
from acidtest.core.errors import HarnessError
from acidtest.grader.client import Endpoint
from acidtest.grader.load import doubt
from acidtest.grader.load.doubt import Calibration
from acidtest.grader.load.plan import LoadPlan, LoadRequest
from acidtest.grader.load.result import LoadResult
from acidtest.grader.load.stage import Load, Surroundings, send_load
from acidtest.grader.machine import FOREIGN_SHARE

_SPEC = LoadSpec(rate=200, seconds=1.0, warm_up=0.25, connections=32, timeout=2.0)
_START_SECONDS = 10.0
_END_SECONDS = 5.0
_TAKEN = 0.9
"""Of all processors; the trivial service and what asks it take a fifth of two."""


class Gauge:
    """The trivial service, ready to be measured."""

    def __init__(self, port: int) -> None:
        self._endpoint = Endpoint(name="calibration", port=port)

    async def measure(self, clock: RunClock) -> LoadResult:
        """Put the fixed load on it."""
        plan = LoadPlan(requests=(LoadRequest(name="trivial", path="/"),))
        load = Load("calibration", _SPEC, plan, "calibration")
        return await send_load(load, lambda: [self._endpoint], Surroundings(clock))


@asynccontextmanager
async def gauge() -> AsyncIterator[Gauge]:
    """Start the trivial service for the block.

    Raises:
        HarnessError: it does not start.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-m", "acidtest.grader.load.trivial"),
        stdin=PIPE,
        stdout=PIPE,
        env={},
    )
    try:
        yield Gauge(await _port(process))
    finally:
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(_END_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def _port(process: Process) -> int:
    if process.stdout is None:
        raise HarnessError("the trivial service has no pipes")
    try:
        async with asyncio.timeout(_START_SECONDS):
            line = await process.stdout.readline()
    except TimeoutError:
        line = b""
    if not line.strip().isdigit():
        raise HarnessError("the trivial service did not start")
    return int(line)


def calibrated(result: LoadResult, before: LoadResult, after: LoadResult) -> LoadResult:
    """`result` with what the trivial service showed on both sides of it.

    A side on which the judged service itself still took the processors says nothing about the
    machine: a service that goes on long after its load must not be excused by that.
    """
    sides = [side for side in (before, after) if not _kept_waiting(side)]
    found = None
    if sides:
        first, last = sides[0], sides[-1]
        found = Calibration(first.p50, first.p95, last.p50, last.p95)
    record = result.record
    doubts = (*doubt.of_sending(record), *doubt.of_machine(record, found))
    return replace(result, record=record.model_copy(update={"doubts": doubts}), calibration=found)


def _kept_waiting(side: LoadResult) -> bool:
    """Whether the judge and what it runs took the processors, and strangers did not."""
    record = side.record
    return record.foreign <= FOREIGN_SHARE and record.busy - record.foreign >= _TAKEN
