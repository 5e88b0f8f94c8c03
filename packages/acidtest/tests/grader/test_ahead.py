"""Worlds made ahead: there in time, never beside what they could disturb, never left behind."""

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
from acidtest.grader.ahead import Ahead
from acidtest.grader.lab.journal import Journal
from acidtest.grader.lab.lab import Lab
from acidtest.grader.lab.world import World
from acidtest.grader.run import Run
from acidtest.grader.sdk import Check, Env, Knowledge

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
        return self if name == "service" else (lambda: None) if name == "heal" else ()


async def turn() -> None:
    """Let every task that can go on do so."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_world_made_ahead_is_the_one_that_is_used() -> None:
    """What was prepared is handed out once, and ends with the block."""
    worlds = Worlds()
    ahead = Ahead(worlds.make)
    ahead.prepare(SECOND)
    ahead.prepare(SECOND)
    await turn()
    assert worlds.said == ["make second"]

    async with ahead.world(SECOND):
        assert worlds.said == ["make second"]

    assert worlds.said == ["make second", "end second"]


async def test_a_world_nobody_used_is_taken_down() -> None:
    """Dropping ends worlds that are there, on their way, or could not be made."""
    worlds = Worlds(broken="first")
    ahead = Ahead(worlds.make)
    ahead.prepare(FIRST)
    ahead.prepare(SECOND)
    await turn()
    await ahead.drop(keep=SECOND)
    assert "end second" not in worlds.said

    await ahead.drop()

    assert worlds.said == ["make first", "make second", "end second"]


async def test_a_world_ends_when_its_user_is_cancelled() -> None:
    """Cancelling whoever works in a world takes the world down."""
    worlds = Worlds()

    async def use() -> None:
        async with Ahead(worlds.make).world(FIRST):
            await asyncio.Event().wait()

    task = asyncio.create_task(use())
    await turn()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert worlds.said == ["make first", "end first"]


async def judged(worlds: Worlds, *, kind: Kind) -> dict[str, Status]:
    """The verdicts on one check of `kind` in the first group and one in the second."""

    async def see(_env: Env) -> None:
        await turn()
        worlds.said.append("judge")

    checks = []
    for group, sort in ((FIRST, kind), (SECOND, Kind.DETERMINISTIC)):
        info = CheckInfo(
            id=group.name, requirement="R1", group=group.name, kind=sort, weight=1, title="x"
        )
        checks.append(Check(info, see, 5.0, 0))
    problem = cast("Problem", type("P", (), {"groups": (FIRST, SECOND)}))
    knowledge = cast("Knowledge", worlds)
    run = Run(cast("Lab", worlds), problem, knowledge=knowledge, seed=1, emit=lambda _event: None)
    results = await run.judge_all(checks)
    return {name: result.status for name, result in results.items()}


async def test_the_next_world_is_made_while_calm_checks_are_judged() -> None:
    """A group without timing has the next group's world made beside it."""
    worlds = Worlds()

    verdicts = await judged(worlds, kind=Kind.DETERMINISTIC)

    assert set(verdicts.values()) == {Status.PASS}
    assert worlds.said[:3] == ["make first", "make second", "judge"]
    assert sorted(worlds.said[-2:]) == ["end second", "judge"]


async def test_nothing_boots_beside_a_timing_check() -> None:
    """A group with a timing has the machine for itself."""
    worlds = Worlds()

    await judged(worlds, kind=Kind.TIMING)

    assert worlds.said[:4] == ["make first", "judge", "end first", "make second"]


async def test_a_service_that_does_not_start_ahead_is_reported_where_it_is_needed() -> None:
    """A world that could not be made ahead skips its own group and no other."""
    verdicts = await judged(Worlds(broken="second"), kind=Kind.DETERMINISTIC)

    assert verdicts == {"first": Status.PASS, "second": Status.SKIPPED}
