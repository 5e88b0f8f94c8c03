"""The course of the checks: a fresh world for each group, prerequisites before the rest."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from typing import NamedTuple

from acidtest.catalogue.problem import GroupSpec, Problem
from acidtest.core.errors import SubmissionError, sole
from acidtest.core.events import CheckFinished, CheckStarted, Event, GroupStarted, Progress
from acidtest.core.evidence import Evidence, clip
from acidtest.core.result import CheckResult
from acidtest.core.verdict import Kind, Owner, Status
from acidtest.grader.judging import excused, judge
from acidtest.grader.lab.lab import Lab
from acidtest.grader.lab.world import World, WorldPlan
from acidtest.grader.machine import Reading, Use
from acidtest.grader.sdk import Check, Knowledge
from acidtest.grader.turns import SIDE_BY_SIDE, Begin, Turn, take_turns, turns

Emit = Callable[[Event], None]


class Run:
    """The checks of one problem on one laboratory."""

    def __init__(
        self,
        lab: Lab,
        problem: Problem,
        *,
        knowledge: Knowledge,
        seed: int,
        emit: Emit,
        ready_seconds: float = 60.0,
    ) -> None:
        self.results: dict[str, CheckResult] = {}
        self._lab = lab
        self._problem = problem
        self._knowledge = knowledge
        self._seed = seed
        self._emit = emit
        self._ready = ready_seconds

    async def judge_all(self, checks: Sequence[Check]) -> dict[str, CheckResult]:
        """Judge every check and return the verdicts by id."""
        try:
            await take_turns(
                turns(self._problem.groups, checks),
                self._judge_group,
                most=SIDE_BY_SIDE if self._lab.driver.isolated else 1,
            )
        except BaseExceptionGroup as group:
            raise sole(group) from None
        return self.results

    async def _judge_group(self, turn: Turn, its_turn: Begin) -> None:
        """Judge a group when it is its turn; its world is made before."""

        async def begin() -> None:
            await its_turn()
            self._emit(
                GroupStarted(
                    at=self._lab.clock.now(),
                    group=turn.group.name,
                    title=turn.group.title,
                    checks=tuple(check.info.id for check in turn.checks),
                )
            )

        if turn.group.fresh == "group":
            await self._on_worlds(turn.group, turn.checks, begin)
            return
        await begin()
        for check in turn.checks:
            if not self._settled_by_prerequisite(check):
                await self._on_worlds(turn.group, [check])

    async def _on_worlds(
        self, group: GroupSpec, checks: Sequence[Check], begin: Begin | None = None
    ) -> None:
        """Judge `checks` on one world, those that must be confirmed again on another.

        The first world of a group is there before its turn; `begin` waits for that.
        """
        async with AsyncExitStack() as stack:
            world = await self._opened(group, stack)
            if begin is not None:
                await begin()
            if isinstance(world, _Unstarted):
                self._not_started(checks, world)
                return
            doubtful, waiting = await self._judge_in(world, checks)
        for check in doubtful:
            await self._confirm(group, check)
        if waiting:
            await self._on_worlds(group, waiting)

    async def _judge_in(
        self, world: World, checks: Iterable[Check]
    ) -> tuple[list[Check], list[Check]]:
        """Judge `checks` in order; return those to confirm and those that rest on them."""
        doubtful: list[Check] = []
        waiting: list[Check] = []
        for check in checks:
            if self._settled_by_prerequisite(check):
                continue
            undecided = {other.info.id for other in (*doubtful, *waiting)}
            if undecided & set(check.info.requires):
                waiting.append(check)
                continue
            result = await self._judge(check, world)
            if _needs_confirmation(check, result):
                doubtful.append(check)
            else:
                self._settle(result)
        return doubtful, waiting

    async def _judge(self, check: Check, world: World) -> CheckResult:
        self._emit(CheckStarted(at=self._lab.clock.now(), check=check.info.id))

        def tell(text: str) -> None:
            self._emit(Progress(at=self._lab.clock.now(), stage=check.info.group, text=text))

        return await judge(check, world, self._knowledge, seed=self._seed, tell=tell)

    async def _confirm(self, group: GroupSpec, check: Check) -> None:
        """Ask once more on a fresh world: a timing only counts twice, a crash of ours never."""
        async with AsyncExitStack() as stack:
            world = await self._opened(group, stack)
            if isinstance(world, _Unstarted):
                self._not_started([check], world)
                return
            again = await self._judge(check, world)
        if check.info.kind is Kind.TIMING and again.status is Status.PASS:
            again = CheckResult(
                check=check.info.id,
                status=Status.UNKNOWN,
                owner=Owner.GRADER,
                message="Failed once and passed once on a fresh environment; nobody can tell.",
            )
        self._settle(again.model_copy(update={"tries": 2}))

    async def _opened(self, group: GroupSpec, stack: AsyncExitStack) -> "World | _Unstarted":
        """Make a world that ends with `stack`, or say how its service did not start."""
        plan = WorldPlan(
            group.name, group.replicas, group.env, self._ready, baseline=group.baseline
        )
        before = await asyncio.to_thread(Reading.take)
        try:
            return await stack.enter_async_context(self._lab.world(plan))
        except SubmissionError as error:
            return _Unstarted(error, before.until(await asyncio.to_thread(Reading.take)))

    def _settled_by_prerequisite(self, check: Check) -> bool:
        """Settle a check that rests on one without a pass; False when nothing is in its way."""
        if check.info.id in self.results:
            return True
        asked = [self.results[name] for name in check.info.requires if name in self.results]
        for statuses, consequence, owner in _CONSEQUENCES:
            missing = [result.check for result in asked if result.status in statuses]
            if missing:
                reason = f"rests on {', '.join(missing)}, which did not pass"
                self._settle(
                    CheckResult(
                        check=check.info.id, status=consequence, owner=owner, message=reason
                    )
                )
                return True
        return False

    def _not_started(self, checks: Iterable[Check], what: "_Unstarted") -> None:
        for check in checks:
            if not self._settled_by_prerequisite(check):
                skipped = _skipped(check, f"The service did not start: {what.error}")
                log = Evidence(observed=clip(what.error.log))
                result = skipped.model_copy(update={"evidence": log})
                # It did start before, when the way it speaks was found out.
                self._settle(excused(result, what.use) if what.use.taken else result)

    def _settle(self, result: CheckResult) -> None:
        self.results[result.check] = result
        self._emit(CheckFinished(at=self._lab.clock.now(), result=result))


class _Unstarted(NamedTuple):
    """A service that did not start, and what went on meanwhile."""

    error: SubmissionError
    use: Use


_CONSEQUENCES = (
    ({Status.FAIL, Status.SKIPPED}, Status.SKIPPED, Owner.CANDIDATE),
    ({Status.VOID, Status.UNKNOWN}, Status.UNKNOWN, Owner.GRADER),
    ({Status.NOT_APPLICABLE}, Status.NOT_APPLICABLE, None),
)
"""What a prerequisite's verdict means for what rests on it; our own trouble is never a zero."""


def _needs_confirmation(check: Check, result: CheckResult) -> bool:
    timing = check.info.kind is Kind.TIMING and result.status in {Status.FAIL, Status.PARTIAL}
    return timing or result.status is Status.VOID


def _skipped(check: Check, reason: str) -> CheckResult:
    return CheckResult(
        check=check.info.id, status=Status.SKIPPED, owner=Owner.CANDIDATE, message=reason
    )
