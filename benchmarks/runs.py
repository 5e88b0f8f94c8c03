"""Whole runs of the command, as a person starts them: how long, and in how much memory."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks.figures import Figure
from benchmarks.grading import judgement_of, start_grading
from benchmarks.laboratory import PROBLEM, Staged
from benchmarks.machine import measured, peak_memory_mb

from acidtest.grader.lab.leftovers import start_time

ALL_SECONDS = 90.0
QUICK_SECONDS = 20.0
MEMORY_MB = 200.0
_POLL = 0.05
_ANY_CHECK = "there_are_tests_and_a_readme"
_NOT_JUDGING = ("intake", "build")


class Finished(NamedTuple):
    """What came of one run."""

    judging: float
    """Seconds without taking in and building."""
    timings: dict[str, float]
    memory: float
    """Peak of the grader and of its examiner together, in MB."""
    points: float
    busy: float


async def whole_runs(
    submissions: Sequence[Staged], state: Path, rounds: int, *, quick_only: bool
) -> list[Figure]:
    """Grade every submission `rounds` times in both ways, in turns."""
    runs: dict[tuple[str, bool], list[Finished]] = defaultdict(list)
    for staged in submissions:
        await _grade(staged, state, "--only", _ANY_CHECK)  # builds it
    for _ in range(rounds):
        for staged in submissions:
            for quick in (True,) if quick_only else (True, False):
                words = ["--quick"] if quick else []
                runs[staged.name, quick].append(await _grade(staged, state, *words))
    figures = [_figure(name, done, quick=quick) for (name, quick), done in runs.items()]
    peaks = tuple(max(run.memory for run in done) for done in runs.values())
    note = "highest resident size of its processes, one figure a kind of run"
    memory = Figure("memory of the grader", (max(peaks),), "MB", MEMORY_MB, note, 0)
    return [*sorted(figures), memory]


def _figure(name: str, done: Sequence[Finished], *, quick: bool) -> Figure:
    stages = [stage for stage in done[0].timings if stage not in _NOT_JUDGING]
    parts = ", ".join(f"{s} {median(run.timings[s] for run in done):.1f}" for s in stages)
    busy = median(run.busy for run in done)
    points = min(run.points for run in done)
    return Figure(
        f"{'quick' if quick else 'all'} checks, {name}",
        tuple(run.judging for run in done),
        "s",
        QUICK_SECONDS if quick else ALL_SECONDS,
        f"{parts}; {points:g} points at least; machine {busy:.0%} busy",
        1,
    )


async def _grade(staged: Staged, state: Path, *more: str) -> Finished:
    target = state / "judgement.json"
    with measured() as meter:
        process = await start_grading(
            staged.source,
            *more,
            problem=PROBLEM,
            subdirectory=staged.subdirectory,
            state=state,
            target=target,
        )
        memory = asyncio.create_task(_peak(process.pid))
        judgement = await judgement_of(process, target)
        peak = await memory
    timings: dict[str, float] = judgement["timings"]
    spent = sum(timings[stage] for stage in _NOT_JUDGING)
    points = judgement["score"]["points"] or 0.0
    return Finished(judgement["seconds"] - spent, timings, peak, points, meter.busy)


async def _peak(pid: int) -> float:
    """The peaks of the grader and of those of its children that run our own code."""
    peaks: dict[int, float] = {}
    while start_time(pid) is not None:
        for process in (pid, *_own_children(pid)):
            peaks[process] = max(peaks.get(process, 0.0), peak_memory_mb(process))
        await asyncio.sleep(_POLL)
    return sum(peaks.values())


def _own_children(pid: int) -> list[int]:
    ours = []
    try:
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            words = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
            if b"acidtest.grader.contract.examination" in words:
                ours.append(int(child))
    except OSError:  # it ended between listing and looking
        pass
    return ours
