"""Turns: who is judged beside whom, what comes before what, and that nothing is left behind."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from acidtest.catalogue.problem import GroupSpec, Problem
from acidtest.core.clock import RunClock
from acidtest.core.errors import SubmissionError
from acidtest.core.result import CheckInfo
from acidtest.core.verdict import Kind, Status
from acidtest.grader.lab.journal import Journal
from acidtest.grader.lab.lab import Lab
from acidtest.grader.lab.world import World
from acidtest.grader.run import Run
from acidtest.grader.sdk import Check, Env, Knowledge
from acidtest.grader.turns import SIDE_BY_SIDE, Begin, Turn, take_turns, turns

FIRST = GroupSpec(name="first", title="First", weight=1)
SECOND = GroupSpec(name="second", title="Second", weight=1)


class Worlds:
    """Makes worlds that do nothing and writes down what became of them."""

    def __init__(self, *, broken: str = "") -> None:
        self.said: list[str] = []
        self.clock = RunClock()
        self._broken = broken

    @asynccontextmanager
    async def make(self, group: GroupSpec) -> AsyncIterator[World]:
        """One world of `group`."""
        self.said.append(f"make {group.name}")
        if group.name == self._broken:
            raise SubmissionError("it ended", log="boom")
        try:
            yield cast("World", self)
        finally:
            self.said.append(f"end {group.name}")

    def world(self, plan: Any) -> Any:
        """The same, as a laboratory."""
        group = next(group for group in (FIRST, SECOND) if group.name == plan.name)
        return self.make(group)

    async def revive(self) -> list[str]:
        """Nothing fell."""
        return []

    def __getattr__(self, name: str) -> Any:
        if name == "journal":
            return Journal(self.clock)
        if name in {"service", "driver"}:
            return self
        if name == "baseline":
            return None
        return (lambda: None) if name == "heal" else name == "isolated" or ()


async def turn() -> None:
    """Let every task that can go on do so."""
    for _ in range(5):
        await asyncio.sleep(0)


def run_on(worlds: Worlds, problem: Problem) -> Run:
    """A run of `problem` in `worlds`, about which everything is known."""
    knowledge = cast("Knowledge", worlds)
    return Run(cast("Lab", worlds), problem, knowledge=knowledge, seed=1, emit=lambda _event: None)


def the_check(group: GroupSpec, sort: Kind, see: Any, *, requires: tuple[str, ...] = ()) -> Check:
    """One check of `group`, named like it."""
    info = CheckInfo(
        id=group.name,
        requirement="R1",
        group=group.name,
        kind=sort,
        weight=1,
        title="x",
        requires=requires,
    )
    return Check(info, see, 5.0, 0)


async def judged(
    worlds: Worlds, *, kind: Kind, requires: tuple[str, ...] = (), together: bool = False
) -> dict[str, Status]:
    """The verdicts on one check of `kind` in the first group and one in the second.

    With `together` the first does not end before the world of the second was begun.
    """

    def seeing(name: str) -> Any:
        async def see(_env: Env) -> None:
            worlds.said.append(f"judge {name}")
            while together and "make second" not in worlds.said:
                await turn()

        return see

    checks = [
        the_check(FIRST, kind, seeing("first")),
        the_check(SECOND, Kind.DETERMINISTIC, seeing("second"), requires=requires),
    ]
    problem = cast("Problem", type("P", (), {"groups": (FIRST, SECOND)}))
    run = run_on(worlds, problem)
    results = await run.judge_all(checks)
    return {name: result.status for name, result in results.items()}


async def test_calm_groups_are_judged_side_by_side() -> None:
    """While a group without timing is judged, the world of another is made."""
    verdicts = await judged(Worlds(), kind=Kind.DETERMINISTIC, together=True)

    assert set(verdicts.values()) == {Status.PASS}


async def test_a_group_waits_for_what_it_rests_on() -> None:
    """A group's world is made ahead, but judged after the verdicts that it rests on."""
    worlds = Worlds()

    verdicts = await judged(worlds, kind=Kind.DETERMINISTIC, requires=("first",), together=True)

    assert set(verdicts.values()) == {Status.PASS}
    assert worlds.said.index("end first") < worlds.said.index("judge second")


async def test_what_rests_on_a_failure_is_skipped_though_its_world_is_there() -> None:
    """A group whose prerequisite did not start is not judged."""
    worlds = Worlds(broken="first")

    verdicts = await judged(worlds, kind=Kind.DETERMINISTIC, requires=("first",))

    assert verdicts == {"first": Status.SKIPPED, "second": Status.SKIPPED}
    assert "judge second" not in worlds.said


async def test_nothing_boots_beside_a_timing_check() -> None:
    """A group with a timing comes last and has the machine for itself."""
    worlds = Worlds()

    await judged(worlds, kind=Kind.TIMING)

    judging = worlds.said.index("judge first")
    assert worlds.said.index("end second") < judging
    assert worlds.said[judging - 1 :] != ["make second"]


async def test_a_group_of_a_timing_comes_first_where_another_rests_on_it() -> None:
    """Nothing of the second group happens before the timing of the first was judged."""
    worlds = Worlds()

    await judged(worlds, kind=Kind.TIMING, requires=("first",))

    assert worlds.said == [
        *("make first", "judge first", "end first"),
        *("make second", "judge second", "end second"),
    ]


async def test_a_service_that_does_not_start_skips_its_own_group_only() -> None:
    """A world that could not be made leaves the other groups alone."""
    verdicts = await judged(Worlds(broken="second"), kind=Kind.DETERMINISTIC)

    assert verdicts == {"first": Status.PASS, "second": Status.SKIPPED}


async def test_worlds_end_when_the_run_is_cancelled() -> None:
    """Cancelling a run takes down every world that it had made."""
    worlds = Worlds()

    async def wait(_env: Env) -> None:
        await asyncio.Event().wait()

    order = turns((FIRST, SECOND), [the_check(FIRST, Kind.SAFETY, wait)])
    problem = cast("Problem", type("P", (), {"groups": (FIRST,)}))
    run = run_on(worlds, problem)
    task = asyncio.create_task(run.judge_all(order[0].checks))
    async with asyncio.timeout(10):
        while "make first" not in worlds.said:
            await turn()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert worlds.said == ["make first", "end first"]


async def test_at_most_so_many_worlds_at_a_time() -> None:
    """However many groups there are, only so many worlds stand at once."""
    groups = [GroupSpec(name=f"g{n}", title="x", weight=1) for n in range(3 * SIDE_BY_SIDE)]
    order = turns(groups, [the_check(group, Kind.SAFETY, None) for group in groups])
    standing: list[int] = []
    now = 0

    async def serve(_turn: Turn, begin: Begin) -> None:
        nonlocal now
        now += 1
        await begin()
        await turn()
        standing.append(now)
        now -= 1

    await take_turns(order, serve)

    assert len(standing) == len(groups)
    assert max(standing) == SIDE_BY_SIDE


def test_groups_that_rest_on_each_other_still_all_have_a_turn() -> None:
    """A circle among groups is cut where the file begins."""
    order = turns(
        (FIRST, SECOND),
        [
            the_check(FIRST, Kind.SAFETY, None, requires=("second",)),
            the_check(SECOND, Kind.SAFETY, None, requires=("first",)),
        ],
    )

    assert [(t.group.name, t.after) for t in order] == [("first", ()), ("second", ("first",))]
