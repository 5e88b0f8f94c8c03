"""`make bench-lab`: the speed and the memory of the laboratory beside their targets.

Figures are medians of rounds in which what is compared takes turns. They hold for a machine that
has nothing else to do; the first lines say whether it had.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import machine, runs, startup, throughput, wires
from benchmarks.figures import Figure, table
from benchmarks.laboratory import Workplace, stage_right_ones

from acidtest.cli.wiring import run as run_like_the_command

_PARTS = ("up", "cost", "proxies", "runs")


def main() -> int:
    """Measure, print, and say with the exit status whether every target was met."""
    options = _options()
    foreign = machine.foreign_load()
    for line in machine.facts(foreign):
        print(line)
    with TemporaryDirectory(prefix="acidtest-bench-") as folder, _state(folder) as state:
        figures = run_like_the_command(_measure(options, state))
    print()
    print(table(figures))
    missed = [figure.name for figure in figures if figure.over]
    print()
    print(f"over the target: {', '.join(missed)}" if missed else "every target is met")
    if foreign > machine.IDLE:
        print("the machine had other work: memory holds, times and shares do not; measure again")
    return 1 if missed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(_PARTS)}")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of up, cost and proxies")
    parser.add_argument("--runs", type=int, default=3, help="whole runs of each kind")
    parser.add_argument("--quick", action="store_true", help="whole runs with --quick only")
    parser.add_argument("--only", default="", metavar="NAME", help="this submission only")
    options = parser.parse_args()
    options.parts = options.parts or list(_PARTS)
    strange = set(options.parts) - set(_PARTS)
    if strange:
        parser.error(f"no part {', '.join(sorted(strange))}")
    return options


@contextmanager
def _state(folder: str) -> Iterator[Path]:
    """The folder for runs and caches: the one that is set, whose builds are ready, or a new one."""
    named = os.environ.get("ACIDTEST_STATE")
    yield Path(named).absolute() if named else Path(folder)


async def _measure(options: argparse.Namespace, state: Path) -> list[Figure]:
    figures: list[Figure] = []
    kinds: dict[str, Callable[[Workplace, int], Awaitable[list[Figure]]]] = {
        "up": startup.lab_up,
        "cost": throughput.cost,
        "proxies": wires.proxies,
    }
    wanted = [name for name in kinds if name in options.parts]
    async with AsyncExitStack() as stack:
        if wanted:
            place = await stack.enter_async_context(Workplace.opened(state))
        for name in wanted:
            with _told(name):
                figures += await kinds[name](place, options.rounds)
    if "runs" in options.parts:
        with TemporaryDirectory(prefix="acidtest-bench-") as folder, _told("runs"):
            staged = await asyncio.to_thread(stage_right_ones, Path(folder))
            chosen = [one for one in staged if options.only in {"", one.name}]
            figures += await runs.whole_runs(chosen, state, options.runs, quick_only=options.quick)
    return figures


@contextmanager
def _told(part: str) -> Iterator[None]:
    with machine.measured() as meter:
        yield
    print(f"measured     {part}: {meter}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
