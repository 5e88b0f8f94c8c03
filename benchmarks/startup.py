"""How long it takes from nothing to a submission's program being let go in its laboratory."""

import shutil
import time
from collections import defaultdict
from contextlib import AsyncExitStack
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.laboratory import Workplace

from acidtest.grader.lab.journal import Journal
from acidtest.grader.lab.sandbox import Limits, choose_driver
from acidtest.grader.lab.wiring import Wiring

LAB_UP_SECONDS = 1.0


class Stopwatch:
    """Laps since it was made, by name."""

    def __init__(self, laps: dict[str, list[float]]) -> None:
        self._laps = laps
        self._begun = self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        """Note the time since the last lap."""
        now = time.perf_counter()
        self._laps[name].append((now - self._last) * 1000)
        self._last = now

    def total(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self._begun


async def lab_up(place: Workplace, rounds: int) -> list[Figure]:
    """Bring a laboratory up `rounds` times; the template cluster and the build are there."""
    laps: dict[str, list[float]] = defaultdict(list)
    totals: list[float] = []
    for number in range(rounds + 1):
        if number == 1:  # the first round made the template and filled the page cache
            laps.clear()
            totals.clear()
        totals.append(await _once(place, place.run_dir / f"up-{number}", laps))
    whole = Figure(
        "lab up, until the program is let go",
        tuple(totals),
        "s",
        LAB_UP_SECONDS,
        "warm template; the parts follow",
    )
    parts = [Figure(f"  {name}", tuple(values), "ms", decimals=0) for name, values in laps.items()]
    return [whole, *parts]


async def _once(place: Workplace, folder: Path, laps: dict[str, list[float]]) -> float:
    async with AsyncExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        watch = Stopwatch(laps)
        driver = await choose_driver()
        watch.lap("sandbox tried (once a run)")
        cluster = await place.cluster(stack, folder)
        watch.lap("PostgreSQL cluster copied and started")
        await cluster.create_database("app1", template=cluster.database)
        watch.lap("database of the world created")
        lab = place.lab(cluster, driver=driver)
        wiring = await stack.enter_async_context(
            Wiring.opened(lab, database="app1", journal=Journal(lab.clock), directory=folder)
        )
        watch.lap("Redis started, proxies made")
        sandbox, _ = await wiring.prepare("replica-1", place.recipe.start, _ignore, limits=Limits())
        watch.lap("sandbox made, wired, program let go")
        total = watch.total()
        stack.push_async_callback(sandbox.close)
    return total


def _ignore(_stream: str, _line: str) -> None:
    """What the program writes does not matter here."""
