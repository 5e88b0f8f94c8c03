"""The course of the checks: groups in order, a fresh world each, prerequisites before the rest."""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from itertools import zip_longest

from acidtest.catalogue.problem import GroupSpec, Problem
from acidtest.core.errors import SubmissionError
from acidtest.core.events import CheckFinished, CheckStarted, Event, GroupStarted, Progress
from acidtest.core.evidence import Evidence, clip
from acidtest.core.result import CheckResult
from acidtest.core.verdict import Kind, Owner, Status
from acidtest.grader.ahead import Ahead
from acidtest.grader.judging import judge
from acidtest.grader.lab.lab import Lab
from acidtest.grader.lab.world import World, WorldPlan
from acidtest.grader.sdk import Check, Knowledge

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
        self._ahead = Ahead(self._world)
        self._after: GroupSpec | None = None
        """The group whose world may be made while this one is judged."""

    async def judge_all(self, checks: Sequence[Check]) -> dict[str, CheckResult]:
        """Judge every check and return the verdicts by id."""
        inside = [
            (group, [check for check in checks if check.info.group == group.name])
            for group in self._problem.groups
        ]
        asked = [(group, mine) for group, mine in inside if mine]
        following = [group for group, _ in asked[1:]]
        try:
            for (group, mine), after in zip_longest(asked, following):
                self._after = after if _undisturbed(group, mine) else None
                await self._judge_group(group, mine)
                await self._ahead.drop(keep=after)
        finally:
            await self._ahead.drop()
        return self.results

    async def _judge_group(self, group: GroupSpec, checks: Sequence[Check]) -> None:
        self._emit(
            GroupStarted(
                at=self._lab.clock.now(),
                group=group.name,
                title=group.title,
                checks=tuple(check.info.id for check in checks),
            )
        )
        if group.fresh == "check":
            for check in checks:
                await self._on_worlds(group, [check])
        else:
            await self._on_worlds(group, checks)

    async def _on_worlds(self, group: GroupSpec, checks: Sequence[Check]) -> None:
        """Judge `checks` on one world, those that must be confirmed again on another."""
        runnable = [check for check in checks if not self._settled_by_prerequisite(check)]
        if not runnable:
            return
        try:
            async with self._ahead.world(group) as world:
                if self._after is not None:
                    self._ahead.prepare(self._after)
                doubtful, waiting = await self._judge_in(world, runnable)
        except SubmissionError as error:
            self._not_started(runnable, error)
            return
        for check in doubtful:
            await self._confirm(group, check)
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
        try:
            async with self._ahead.world(group) as world:
                again = await self._judge(check, world)
        except SubmissionError as error:
            self._not_started([check], error)
            return
        if check.info.kind is Kind.TIMING and again.status is Status.PASS:
            again = CheckResult(
                check=check.info.id,
                status=Status.UNKNOWN,
                owner=Owner.GRADER,
                message="Failed once and passed once on a fresh environment; nobody can tell.",
            )
        self._settle(again.model_copy(update={"tries": 2}))

    @asynccontextmanager
    async def _world(self, group: GroupSpec) -> AsyncIterator[World]:
        plan = WorldPlan(group.name, group.replicas, group.env, self._ready)
        async with self._lab.world(plan) as world:
            yield world

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

    def _not_started(self, checks: Iterable[Check], error: SubmissionError) -> None:
        for check in checks:
            if check.info.id not in self.results:
                skipped = _skipped(check, f"The service did not start: {error}")
                log = Evidence(observed=clip(error.log))
                self._settle(skipped.model_copy(update={"evidence": log}))

    def _settle(self, result: CheckResult) -> None:
        self.results[result.check] = result
        self._emit(CheckFinished(at=self._lab.clock.now(), result=result))


_CONSEQUENCES = (
    ({Status.FAIL, Status.SKIPPED}, Status.SKIPPED, Owner.CANDIDATE),
    ({Status.VOID, Status.UNKNOWN}, Status.UNKNOWN, Owner.GRADER),
    ({Status.NOT_APPLICABLE}, Status.NOT_APPLICABLE, None),
)
"""What a prerequisite's verdict means for what rests on it; our own trouble is never a zero."""


def _needs_confirmation(check: Check, result: CheckResult) -> bool:
    timing = check.info.kind is Kind.TIMING and result.status in {Status.FAIL, Status.PARTIAL}
    return timing or result.status is Status.VOID


def _undisturbed(group: GroupSpec, checks: Iterable[Check]) -> bool:
    """Whether a service that boots beside these checks cannot change what they find."""
    timed = any(check.info.kind is Kind.TIMING for check in checks)
    return group.quick and group.replicas == 1 and not timed


def _skipped(check: Check, reason: str) -> CheckResult:
    return CheckResult(
        check=check.info.id, status=Status.SKIPPED, owner=Owner.CANDIDATE, message=reason
    )
