"""From verdicts to points, as a pure function, so that weights can change without a new run.

A group is worth its weight, shared among its checks by theirs. What does not apply hands its weight
to the rest of its group. What could not be told (`unknown`, `void`) leaves the denominator and is
shown beside the score; a skipped check earns nothing, because what it rests on did not hold. The
shape follows seed 001's evaluation (functionality 30 %, …), of which this is the first part.
"""

from collections.abc import Iterable, Mapping, Sequence

from pydantic import BaseModel, ConfigDict

from acidtest.core.finding import Severity
from acidtest.core.mark import Mark, mark_of
from acidtest.core.result import CheckInfo, CheckResult
from acidtest.core.verdict import Kind, Status

VOID_LIMIT = 0.05
"""Above this share of void weight a run is not scored: the judge knows too little."""

_COUNTED = {Status.PASS, Status.PARTIAL, Status.FAIL, Status.SKIPPED}


class GroupScore(BaseModel):
    """What one group of checks earned, in points of the whole."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str
    possible: float
    earned: float
    untold: float = 0.0
    """Points that nobody could tell about: unknown and void checks."""


class Score(BaseModel):
    """The behaviour score of a run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    points: float | None
    """0 to 100; None when too much of the run was void to say."""
    groups: tuple[GroupScore, ...]
    costs: dict[str, float]
    """Points each failed, partial or skipped check cost, by check id."""
    void_share: float = 0.0
    unknown_share: float = 0.0
    """Share of the weight about which the judge could not tell."""


class GroupWeight(BaseModel):
    """How much a group of checks is worth relative to the others."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str
    weight: float
    criterion: str = "behaviour.correctness"
    """What its checks count for in a profile."""


def score(
    groups: Sequence[GroupWeight],
    checks: Iterable[CheckInfo],
    results: Mapping[str, CheckResult],
) -> Score:
    """Weigh `results` by group and check; checks without a result are left out altogether.

    Args:
        groups: every group with its weight.
        checks: the checks that were planned.
        results: verdicts by check id.
    """
    applied = _applied(checks, results)
    shares = _shares(groups, applied)
    told = sum(s for c, s in shares.items() if results[c].status in _COUNTED)
    void = sum(s for c, s in shares.items() if results[c].status is Status.VOID)
    earned = {c: s * _earned_share(results[c]) for c, s in shares.items()}
    scale = 100 / told if told else 0.0
    return Score(
        points=None if void > VOID_LIMIT or not told else round(sum(earned.values()) * scale, 2),
        groups=tuple(_group_score(g, applied, shares, earned, results) for g in groups),
        costs={
            check: round((share - earned[check]) * scale, 2)
            for check, share in shares.items()
            if results[check].status in _COUNTED and earned[check] < share
        },
        void_share=round(void, 4),
        unknown_share=round(
            sum(s for c, s in shares.items() if results[c].status is Status.UNKNOWN), 4
        ),
    )


def marks_of_checks(
    groups: Sequence[GroupWeight],
    checks: Iterable[CheckInfo],
    results: Mapping[str, CheckResult],
) -> tuple[Mark, ...]:
    """Return what the checks say as marks, one for each criterion of the groups that were asked.

    A mark weighs what its checks are worth of the whole, so that a profile which takes several
    criteria together keeps the problem's own weights.
    """
    applied = _applied(checks, results)
    shares = _shares(groups, applied)
    criteria = {group.name: group.criterion for group in groups}
    marks = []
    for criterion in dict.fromkeys(group.criterion for group in groups):
        inside = [check.id for check in applied if criteria[check.group] == criterion]
        told = [check for check in inside if results[check].status in _COUNTED]
        weight = sum(shares[check] for check in told)
        if told:
            lost = {c: shares[c] * (1 - _earned_share(results[c])) / weight for c in told}
            reason = f"{len(told)} checks of the running service"
            marks.append(mark_of(criterion, lost, reason=reason, weight=100 * weight))
        elif inside:
            marks.append(Mark(criterion=criterion, reason="nobody could tell"))
    return tuple(marks)


def severities_of(checks: Iterable[CheckInfo]) -> dict[str, Severity]:
    """Return how bad the failure of each check is: a broken safety rule is critical."""
    return {
        check.id: Severity.CRITICAL if check.kind is Kind.SAFETY else Severity.MAJOR
        for check in checks
    }


def _applied(checks: Iterable[CheckInfo], results: Mapping[str, CheckResult]) -> list[CheckInfo]:
    """The checks that carry points and were asked."""
    return [
        check
        for check in checks
        if check.kind is not Kind.ADVISORY
        and check.id in results
        and results[check.id].status is not Status.NOT_APPLICABLE
    ]


def _shares(groups: Sequence[GroupWeight], applied: Sequence[CheckInfo]) -> dict[str, float]:
    """What each check is worth of the whole, which is 1."""
    asked = {group.name: _weight_of(applied, group.name) for group in groups}
    total = sum(group.weight for group in groups if asked[group.name]) or 1.0
    worth = {group.name: group.weight / total for group in groups}
    return {c.id: worth[c.group] * c.weight / asked[c.group] for c in applied}


def _weight_of(checks: Iterable[CheckInfo], group: str) -> float:
    return sum(check.weight for check in checks if check.group == group)


def _earned_share(result: CheckResult) -> float:
    if result.status is Status.PASS:
        return 1.0
    return (result.share or 0.0) if result.status is Status.PARTIAL else 0.0


def _group_score(
    group: GroupWeight,
    checks: Iterable[CheckInfo],
    shares: Mapping[str, float],
    earned: Mapping[str, float],
    results: Mapping[str, CheckResult],
) -> GroupScore:
    inside = [check.id for check in checks if check.group == group.name]
    counted = [check for check in inside if results[check].status in _COUNTED]
    return GroupScore(
        name=group.name,
        title=group.title,
        possible=round(100 * sum(shares[c] for c in counted), 2),
        earned=round(100 * sum(earned[c] for c in counted), 2),
        untold=round(100 * sum(shares[c] for c in inside if c not in counted), 2),
    )
