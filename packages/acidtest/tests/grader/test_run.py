"""The course of the checks: prerequisites, confirmation, and whose fault a verdict is."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count
from types import SimpleNamespace
from typing import Any, cast

import pytest

from acidtest.catalogue.problem import GroupSpec, Problem
from acidtest.core.clock import RunClock
from acidtest.core.errors import SubmissionError
from acidtest.core.events import CheckFinished, Event
from acidtest.core.evidence import HttpExchange
from acidtest.core.result import CheckInfo, CheckResult
from acidtest.core.verdict import Kind, Owner, Status
from acidtest.grader.lab.journal import Journal
from acidtest.grader.lab.lab import Lab
from acidtest.grader.machine import Reading
from acidtest.grader.run import Run
from acidtest.grader.sdk import Check, Env, Knowledge, fail, not_applicable, unknown

Body = Callable[[Env], Awaitable[None]]


class StillService:
    """A service in which nothing ever falls."""

    async def revive(self) -> list[str]:
        """Nothing fell."""
        return []


class StillWorld:
    """A world without wires: enough for checks that only speak."""

    def __init__(self, clock: RunClock) -> None:
        self.clock = clock
        self.journal = Journal(clock)
        self.service = StillService()
        self.cluster = None
        self.database = ""
        self.baseline = None
        self.troubles: tuple[BaseException, ...] = ()

    def heal(self) -> None:
        """Nothing to heal."""


class StillLab:
    """A laboratory of still worlds; `broken` makes their service not start."""

    def __init__(self, *, broken: bool = False) -> None:
        self.clock = RunClock()
        self.broken = broken
        self.worlds = 0
        self.driver = SimpleNamespace(isolated=True)

    @asynccontextmanager
    async def world(self, _plan: object) -> AsyncIterator[StillWorld]:
        """Make one more world."""
        if self.broken:
            raise SubmissionError("it ended with exit code 1", log="boom")
        self.worlds += 1
        yield StillWorld(self.clock)


def check(
    name: str,
    body: Body,
    *,
    kind: Kind = Kind.DETERMINISTIC,
    requires: tuple[str, ...] = (),
    deadline: float = 5.0,
) -> Check:
    """A check of group `g`."""
    info = CheckInfo(
        id=name, requirement="R1", group="g", kind=kind, weight=1, title="x", requires=requires
    )
    return Check(info, body, deadline, 0)


async def passes(_env: Env) -> None:
    """A check that holds."""


async def fails(_env: Env) -> None:
    """A check that does not."""
    fail("it does not hold", expected="this", observed="that")


async def breaks(_env: Env) -> None:
    """A check with a bug of ours."""
    raise ZeroDivisionError


async def cannot_tell(_env: Env) -> None:
    """A check that could not tell."""
    unknown("too noisy")


async def does_not_apply(_env: Env) -> None:
    """A check of something the service does not offer."""
    not_applicable("no pages")


async def judged(lab: StillLab, *checks: Check) -> dict[str, CheckResult]:
    """The verdicts on these checks."""
    group = GroupSpec(name="g", title="G", weight=1)
    problem = cast("Problem", type("P", (), {"groups": (group,)}))
    events: list[Event] = []
    run = Run(
        cast("Lab", lab),
        problem,
        knowledge=cast("Knowledge", _Nothing()),
        seed=1,
        emit=events.append,
    )
    results = await run.judge_all(checks)
    told = {event.result.check for event in events if isinstance(event, CheckFinished)}
    assert told == set(results)
    return results


@pytest.mark.parametrize(
    ("bodies", "status"),
    [
        ((fails, passes), Status.FAIL),
        ((cannot_tell, fails), Status.FAIL),
        ((cannot_tell, does_not_apply), Status.UNKNOWN),
        ((fails, breaks), Status.VOID),
    ],
)
async def test_a_verdict_comes_out_of_the_tasks_of_a_check(
    bodies: tuple[Body, ...], status: Status
) -> None:
    """What a check's own tasks say is its verdict, and trouble of ours comes before all."""

    async def at_once(env: Env) -> None:
        barrier = asyncio.Barrier(len(bodies))

        async def say(body: Body) -> None:
            await barrier.wait()
            await body(env)

        async with asyncio.TaskGroup() as tasks:
            for body in bodies:
                tasks.create_task(say(body))

    results = await judged(StillLab(), check("crowd", at_once))

    assert results["crowd"].status is status


@pytest.fixture
def strangers(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let programs that are not ours take a share of the machine for ten seconds at a time."""

    def take(share: float) -> None:
        moments = count(step=10.0)

        def reading() -> Reading:
            at = next(moments)
            return Reading(at=at, busy=share * at, whole=at, family=0.0, judge=0.0, pressure=0.0)

        monkeypatch.setattr(Reading, "take", reading)

    return take


@pytest.mark.parametrize(
    ("share", "status", "owner"),
    [(0.2, Status.FAIL, Owner.CANDIDATE), (0.6, Status.UNKNOWN, Owner.INFRASTRUCTURE)],
)
async def test_a_timing_means_nothing_while_strangers_have_the_machine(
    strangers: Callable[[float], None], share: float, status: Status, owner: Owner
) -> None:
    """A timing that fails counts on a quiet machine and is unknown on one that others use."""
    strangers(share)

    results = await judged(StillLab(), check("timing", fails, kind=Kind.TIMING))

    assert (results["timing"].status, results["timing"].owner) == (status, owner)


@pytest.mark.parametrize(("share", "status"), [(0.2, Status.SKIPPED), (0.6, Status.UNKNOWN)])
async def test_a_service_is_not_blamed_for_being_slow_on_a_busy_machine(
    strangers: Callable[[float], None], share: float, status: Status
) -> None:
    """Answers that take too long cost a check's points, unless strangers had the processors."""
    strangers(share)

    async def waits(env: Env) -> None:
        answer = HttpExchange(at=env.now(), method="GET", url="/", status=200, seconds=30.0)
        env.journal.append(answer)
        await asyncio.Event().wait()

    results = await judged(StillLab(), check("slow", waits, deadline=0.05))

    assert results["slow"].status is status


@pytest.mark.parametrize(("share", "status"), [(0.2, Status.SKIPPED), (0.6, Status.UNKNOWN)])
async def test_a_later_start_that_fails_on_a_busy_machine_is_not_held_against_it(
    strangers: Callable[[float], None], share: float, status: Status
) -> None:
    """A world whose service does not start is unknown where strangers had the processors."""
    strangers(share)

    results = await judged(StillLab(broken=True), check("any", passes))

    assert results["any"].status is status


async def test_a_proof_stands_on_a_busy_machine(strangers: Callable[[float], None]) -> None:
    """What was witnessed is a failure however busy the machine is."""
    strangers(0.9)

    results = await judged(StillLab(), check("proof", fails))

    assert results["proof"].status is Status.FAIL


class _Nothing:
    def __getattr__(self, name: str) -> Any:
        return None


@pytest.mark.parametrize(
    ("body", "verdict", "consequence", "owner"),
    [
        (passes, Status.PASS, Status.PASS, None),
        (fails, Status.FAIL, Status.SKIPPED, Owner.CANDIDATE),
        (breaks, Status.VOID, Status.UNKNOWN, Owner.GRADER),
        (cannot_tell, Status.UNKNOWN, Status.UNKNOWN, Owner.GRADER),
        (does_not_apply, Status.NOT_APPLICABLE, Status.NOT_APPLICABLE, None),
    ],
)
async def test_what_rests_on_a_verdict_shares_its_fate(
    body: Body, verdict: Status, consequence: Status, owner: Owner | None
) -> None:
    """Nothing passes on a prerequisite that did not, and our own trouble is nobody's zero."""
    results = await judged(
        StillLab(),
        check("first", body, kind=Kind.SAFETY),
        check("second", passes, requires=("first",)),
    )

    assert results["first"].status is verdict
    assert results["second"].status is consequence
    assert results["second"].owner is owner


async def test_a_timing_that_fails_once_is_not_a_failure() -> None:
    """A timing check that passes on a fresh world leaves the verdict open."""
    calls = []

    async def fails_at_first(_env: Env) -> None:
        calls.append(1)
        if len(calls) == 1:
            fail("too slow")

    lab = StillLab()
    results = await judged(lab, check("timing", fails_at_first, kind=Kind.TIMING))

    assert results["timing"].status is Status.UNKNOWN
    assert results["timing"].tries == 2
    assert lab.worlds == 2


async def test_a_timing_that_fails_twice_fails() -> None:
    """A timing check that fails again on a fresh world counts."""
    results = await judged(StillLab(), check("timing", fails, kind=Kind.TIMING))

    assert results["timing"].status is Status.FAIL
    assert results["timing"].tries == 2


async def test_a_witness_is_never_asked_again() -> None:
    """A safety violation seen once is proof: there is no second world in which it may vanish."""
    lab = StillLab()
    results = await judged(lab, check("race", fails, kind=Kind.SAFETY))

    assert results["race"].status is Status.FAIL
    assert lab.worlds == 1


async def test_a_crash_of_ours_is_tried_once_more_then_void() -> None:
    """A check that breaks twice is void, owned by the grader, with the place it broke at."""
    lab = StillLab()
    results = await judged(lab, check("bug", breaks))

    assert results["bug"].status is Status.VOID
    assert results["bug"].owner is Owner.GRADER
    assert results["bug"].evidence is not None
    assert "ZeroDivisionError" in results["bug"].evidence.observed
    assert lab.worlds == 2


async def test_a_service_that_does_not_start_earns_nothing() -> None:
    """All checks of a world that cannot be made are skipped, with the service's own last words."""
    results = await judged(StillLab(broken=True), check("a", passes), check("b", passes))

    assert {result.status for result in results.values()} == {Status.SKIPPED}
    assert results["a"].evidence is not None
    assert results["a"].evidence.observed == "boom"


async def test_a_verdict_beside_trouble_of_ours_is_void() -> None:
    """When a proxy of ours failed, neither a pass nor a failure is believed."""

    class TroubledLab(StillLab):
        @asynccontextmanager
        async def world(self, plan: object) -> AsyncIterator[StillWorld]:
            async with super().world(plan) as world:
                world.troubles = (ValueError("a proxy broke"),)
                yield world

    results = await judged(TroubledLab(), check("a", fails), check("b", passes))

    assert {result.status for result in results.values()} == {Status.VOID}
