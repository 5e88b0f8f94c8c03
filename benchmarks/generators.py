"""`make bench-load`: how punctual load generators are, and whether they see a server that freezes.

The server's own log is the truth: when requests arrived, and when each was answered. A generator
that waits for answers before it asks again cannot see what a freeze does to those who come
meanwhile, which is called coordinated omission.
"""

import argparse
import asyncio
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks import machine
from benchmarks.arrival_log import ArrivalServer, Log, arrival_server
from benchmarks.rivals import Rival, Said, rivals

from acidtest.catalogue.problem import LoadSpec
from acidtest.core.clock import RunClock
from acidtest.grader.client import Endpoint
from acidtest.grader.load import Load, LoadPlan, LoadRequest, LoadResult, Surroundings, send_load
from acidtest.grader.load.arrivals import dispersion

RATES = (100, 500, 1000, 3000)
SENT_SHARE = 0.995
LATENESS_MS = 0.1
TRUTH_SHARE = 0.02
_FREEZE_RATE, _FREEZE_SECONDS, _FREEZE_AFTER = 1000, 6, 2.0
_OURS = "acidtest"
_ROUNDED = 10.0
"""A figure from here on is shown without decimals."""


class Row(NamedTuple):
    """A line of the table; cells in its order."""

    name: str
    cells: tuple[str, ...]
    missed: tuple[str, ...] = ()
    """Targets it misses; only ours has any."""


def main() -> int:
    """Measure, print one table, and say with the exit status whether our targets were met."""
    options = _options()
    foreign = machine.foreign_load()
    for line in machine.facts(foreign):
        print(line)
    with TemporaryDirectory(prefix="acidtest-bench-") as folder, machine.measured() as meter:
        rows, missing = asyncio.run(_measure(options, Path(folder)))
    print(f"measured     {meter}\n")
    print(_table(rows, options.rates))
    for sentence in missing:
        print(f"left out: {sentence}")
    missed = [target for row in rows for target in row.missed]
    print("\n" + (f"missed: {', '.join(missed)}" if missed else "every target is met"))
    if foreign > machine.IDLE:
        print("the machine had other work, which makes every generator late; measure again")
    return 1 if missed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=5, help="length of each run at a rate")
    parser.add_argument("--rates", type=int, nargs="+", default=list(RATES))
    parser.add_argument("--alone", action="store_true", help="without the other generators")
    return parser.parse_args()


async def _measure(options: argparse.Namespace, folder: Path) -> tuple[list[Row], list[str]]:
    found, missing = ([], []) if options.alone else await rivals(folder)
    async with arrival_server() as server:
        rows = [await _ours(server, options)]
        print(f"measured     {_OURS}", flush=True)
        for rival in found:
            try:
                rows.append(await _of(rival, server, options))
            except RuntimeError as error:
                missing.append(f"{rival.name}: {error}")
            else:
                print(f"measured     {rival.name}", flush=True)
    return rows, missing


async def _ours(server: ArrivalServer, options: argparse.Namespace) -> Row:
    cells: list[str] = []
    missed: list[str] = []
    late: list[str] = []
    for rate in options.rates:
        await server.begin()
        result = await _load(server, rate, options.seconds)
        log = await server.log()
        share, burst = _punctuality(log, rate, options.seconds)
        cells += [f"{share:.1%}", f"{burst:.2f}"]
        median, tail = result.record.lateness["50"], result.record.lateness["99"]
        late.append(f"{median:.2f}/{tail:.2f}")
        missed += [f"rate at {rate}"] * (share < SENT_SHARE)
        missed += [f"lateness at {rate}"] * (median > LATENESS_MS)
    await server.begin(freeze_after=_FREEZE_AFTER)
    result = await _load(server, _FREEZE_RATE, _FREEZE_SECONDS)
    p90, p99 = _truth(await server.log(), result)
    off = abs(result.p99 - p99) / p99
    missed += ["p99 of the freeze"] * (off > TRUTH_SHARE)
    cells += [f"{result.at(90):.0f}", f"{result.p99:.0f}"]
    cells += [f"{p90:.0f}", f"{p99:.0f}", f"{off:.1%}", " ".join(late)]
    return Row(_OURS, tuple(cells), tuple(missed))


async def _load(server: ArrivalServer, rate: int, seconds: int) -> LoadResult:
    plan = LoadPlan(requests=(LoadRequest(name="visit", path="/?n=${n}"),))
    spec = LoadSpec(rate=rate, seconds=seconds, arrivals="uniform", connections=4096, timeout=10)
    endpoint = Endpoint(name="server", port=server.port)
    load = Load("bench", spec, plan, "bench")
    return await send_load(load, lambda: [endpoint], Surroundings(RunClock()))


def _truth(log: Log, result: LoadResult) -> tuple[float, float]:
    """90th and 99th percentile in ms from when each was due to when the server answered it."""
    record = result.record
    gap = record.seconds / record.requests
    # The first due moment lies on a clock that began just before; both count monotonic seconds.
    begin = min(at - number * gap for number, at in log.answered)
    waits = sorted((at - begin - number * gap) * 1000 for number, at in log.answered)
    return _level(waits, 90), _level(waits, 99)


def _level(ordered: Sequence[float], level: int) -> float:
    return ordered[max(0, -(-len(ordered) * level // 100) - 1)]


async def _of(rival: Rival, server: ArrivalServer, options: argparse.Namespace) -> Row:
    cells: list[str] = []
    for rate in options.rates:
        if not rival.paced:
            cells += ["-", "-"]
            continue
        await server.begin()
        await rival.run(server.url, rate, options.seconds)
        share, burst = _punctuality(await server.log(), rate, options.seconds)
        cells += [f"{share:.1%}", f"{burst:.0f}" if burst >= _ROUNDED else f"{burst:.2f}"]
    await server.begin(freeze_after=_FREEZE_AFTER)
    said = await rival.run(server.url, _FREEZE_RATE, _FREEZE_SECONDS)
    p90, p99 = _expected()
    cells += [*_said(said), f"{p90:.0f}", f"{p99:.0f}"]
    cells += ["-" if said.p99 is None else f"{abs(said.p99 - p99) / p99:.0%}", "-"]
    return Row(rival.name, tuple(cells))


def _said(said: Said) -> Iterator[str]:
    for value in said:
        yield "-" if value is None else f"{value:.3g}"


def _expected() -> tuple[float, float]:
    """What even arrivals at the asked rate must meet: of 6 s, one second waits for its end."""
    frozen = 1000.0 / _FREEZE_SECONDS
    return 1000 * (1 - 100 / frozen), 1000 * (1 - 10 / frozen)


def _punctuality(log: Log, rate: int, seconds: int) -> tuple[float, float]:
    """Share of the asked rate that arrived, and the index of dispersion per 10 ms."""
    if not log.arrived:
        raise RuntimeError(f"nothing arrived at {rate} per second")
    first = log.arrived[0]
    inside = [at for at in log.arrived if at - first < seconds]
    return len(inside) / (rate * seconds), dispersion(inside)


def _table(rows: Sequence[Row], rates: Sequence[int]) -> str:
    head = ["generator"]
    for rate in rates:
        head += [f"{rate}/s sent", "burst"]
    head += ["freeze p90", "p99", "truth p90", "p99", "p99 off", "late p50/p99 ms at each rate"]
    lines = [tuple(head), *((row.name, *row.cells) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))
        for line in lines
    )


if __name__ == "__main__":
    sys.exit(main())
