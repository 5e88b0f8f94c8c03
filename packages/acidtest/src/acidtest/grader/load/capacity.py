"""Capacity: the highest rate at which an objective still holds, searched within a bounded time.

Doubling finds a rate that is too high, halving the gap finds the edge. Each step is a short load of
its own, and a step that broke is asked once more, because one stray process must not halve a
service's capacity.
"""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from acidtest.catalogue.problem import ObjectiveSpec
from acidtest.grader.load.result import Conclusion, LoadResult

Attempt = Callable[[float], Awaitable[LoadResult]]
"""Puts a short load of so many requests per second on the service."""

_PRECISION = 1.1
"""The search ends when the lowest rate that broke is this many times the highest that held."""
_MAX_STEPS = 24


class Step(NamedTuple):
    """One rate that was tried."""

    rate: float
    conclusion: Conclusion
    result: LoadResult


class Capacity(NamedTuple):
    """What the search found."""

    held: float
    """The highest rate that held; 0 when none did."""
    broke: float | None
    """The lowest rate that did not; None when all did."""
    steps: tuple[Step, ...]

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why the figure may be too low: what was in the way of steps that told nothing."""
        untold = [step for step in self.steps if step.conclusion is Conclusion.UNTOLD]
        return tuple(dict.fromkeys(d for step in untold for d in step.result.record.doubts))

    def __str__(self) -> str:
        beyond = "" if self.broke is None else f", broken at {self.broke:.0f}"
        return f"held at {self.held:.0f} per second{beyond}, {len(self.steps)} steps"


async def find_capacity(
    attempt: Attempt,
    objective: ObjectiveSpec,
    *,
    lowest: float,
    highest: float,
    time_left: Callable[[], float],
) -> Capacity:
    """Search between `lowest` and `highest` requests per second while `time_left()` is positive."""
    steps: list[Step] = []

    async def holds(rate: float) -> bool:
        for _ in range(2):
            result = await attempt(rate)
            conclusion = result.conclude(
                percentile=objective.percentile,
                limit_ms=objective.limit_ms,
                error_share=objective.error_share,
            )
            steps.append(Step(rate, conclusion, result))
            if conclusion is Conclusion.HOLDS:
                return True
            if time_left() <= 0:
                break
        return False

    held, broke = 0.0, None
    rate = lowest
    while len(steps) < _MAX_STEPS and (time_left() > 0 or not steps):
        if await holds(rate):
            held = rate
        else:
            broke = rate
        following = _next(held, broke, lowest, highest)
        if following is None:
            break
        rate = following
    return Capacity(held, broke, tuple(steps))


def _next(held: float, broke: float | None, lowest: float, highest: float) -> float | None:
    if broke is None:
        return min(2 * held, highest) if held < highest else None
    if held == 0.0:
        return broke / 2 if broke / 2 >= lowest / 8 else None
    return (held * broke) ** 0.5 if broke > held * _PRECISION else None
