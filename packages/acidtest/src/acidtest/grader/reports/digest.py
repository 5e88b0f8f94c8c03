"""A judgement sorted into what a reader wants to know, in the order they want to know it.

Console, JUnit and HTML project the same sorted rows, so that they cannot disagree.
"""

from typing import NamedTuple

from acidtest.core.judgement import Judgement
from acidtest.core.result import CheckInfo, CheckResult
from acidtest.core.score import Score
from acidtest.core.verdict import Kind, Status

_NOTHING = 1e-6


class Row(NamedTuple):
    """One check with its verdict and what hangs on it."""

    info: CheckInfo
    result: CheckResult
    requirement: str
    """The sentence of the requirement it enforces."""
    cost: float
    """Points it lost by itself."""
    place: int = 0
    """Its number in the plan."""
    blocked: tuple[str, ...] = ()
    """Ids of the checks that could not be asked because of it."""
    blocked_cost: float = 0.0
    blockers: tuple[str, ...] = ()
    """For a skipped check: ids of the prerequisites that did not hold."""

    @property
    def advisory(self) -> bool:
        """Whether it is advice without points."""
        return self.info.kind is Kind.ADVISORY


class Cause(NamedTuple):
    """Findings that say the very same, as one that breaks everything does; in the plan's order."""

    rows: tuple[Row, ...]

    @property
    def head(self) -> Row:
        """The one that is shown whole."""
        return self.rows[0]

    @property
    def others(self) -> tuple[Row, ...]:
        """Those that would only repeat it."""
        return self.rows[1:]

    @property
    def cost(self) -> float:
        """Points all of them cost."""
        return sum(row.cost for row in self.rows)


class Digest(NamedTuple):
    """Every row of a judgement in exactly one of these lists, each in the order to show it."""

    findings: tuple[Row, ...]
    """Failed and partial, the dearest first, advice last."""
    untold: tuple[Row, ...]
    """Unknown and void: costs nothing, says nothing."""
    skipped: tuple[Row, ...]
    not_applicable: tuple[Row, ...]
    passed: tuple[Row, ...]
    unasked: tuple[CheckInfo, ...]
    """Planned and without any verdict."""

    @property
    def causes(self) -> tuple[Cause, ...]:
        """The findings, joined where they say the same, the dearest first, advice last."""
        joined: dict[tuple[object, ...], list[Row]] = {}
        for row in self.findings:
            seen = row.result.evidence.observed if row.result.evidence else ""
            # Without words nothing says that two findings are the same.
            key = (row.advisory, row.result.message, seen) if row.result.message else (row.info.id,)
            joined.setdefault(key, []).append(row)
        causes = (Cause(tuple(sorted(rows, key=_place))) for rows in joined.values())
        return tuple(sorted(causes, key=lambda cause: (cause.head.advisory, -cause.cost)))

    @property
    def lost(self) -> float:
        """Points the findings cost by themselves."""
        return sum(row.cost for row in self.findings)

    @property
    def lost_to_skips(self) -> float:
        """Points of the checks that could not be asked."""
        return sum(row.cost for row in self.skipped)


class GroupPoints(NamedTuple):
    """A group in points of what could be told, so that all groups together make 100."""

    title: str
    possible: float
    earned: float
    untold: float

    @property
    def whole(self) -> bool:
        """Whether nothing was lost, rounding of floating numbers aside."""
        return self.possible - self.earned < _NOTHING


def group_points(score: Score) -> tuple[GroupPoints, ...]:
    """The groups of `score` that were asked at all, on the scale of the score itself."""
    told = sum(group.possible for group in score.groups)
    scale = 100 / told if told else 0.0
    return tuple(
        GroupPoints(group.title, group.possible * scale, group.earned * scale, group.untold)
        for group in score.groups
        if group.possible or group.untold
    )


def digest(judgement: Judgement) -> Digest:
    """Sort the rows of `judgement`."""
    rows = _rows(judgement)
    by_id = {row.info.id: row for row in rows}
    return Digest(
        findings=tuple(by_id[info.id] for info, _ in judgement.failures),
        untold=_with(rows, Status.UNKNOWN, Status.VOID),
        skipped=_with(rows, Status.SKIPPED),
        not_applicable=_with(rows, Status.NOT_APPLICABLE),
        passed=_with(rows, Status.PASS),
        unasked=tuple(info for info in judgement.checks if info.id not in by_id),
    )


def _place(row: Row) -> int:
    return row.place


def _with(rows: tuple[Row, ...], *statuses: Status) -> tuple[Row, ...]:
    return tuple(row for row in rows if row.result.status in statuses)


def _rows(judgement: Judgement) -> tuple[Row, ...]:
    infos = {info.id: info for info in judgement.checks}
    results = {result.check: result for result in judgement.results if result.check in infos}
    # Points of a few chosen checks are no points of the whole, and would only mislead.
    costs = {} if judgement.options.only else judgement.score.costs
    not_held = {check for check, result in results.items() if result.status is not Status.PASS}
    blockers = {
        check: tuple(required for required in infos[check].requires if required in not_held)
        for check, result in results.items()
        if result.status is Status.SKIPPED
    }
    rows: list[Row] = []
    for place, info in enumerate(judgement.checks):
        if info.id not in results:
            continue
        blocked = tuple(check for check, by in blockers.items() if info.id in by)
        rows.append(
            Row(
                info=info,
                result=results[info.id],
                requirement=judgement.problem.requirements.get(info.requirement, ""),
                cost=costs.get(info.id, 0.0),
                place=place,
                blocked=blocked,
                blocked_cost=sum(costs.get(check, 0.0) for check in blocked),
                blockers=blockers.get(info.id, ()),
            )
        )
    return tuple(rows)
