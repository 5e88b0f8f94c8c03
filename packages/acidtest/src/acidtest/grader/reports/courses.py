"""Results as a course's platform shows them to a student: rows with points, hidden checks apart.

Gradescope and PrairieLearn keep the same things under other names; this is what they share.
"""

from collections.abc import Sequence
from typing import NamedTuple

from acidtest.core.assessment import AreaScore
from acidtest.core.judgement import Judgement, Outcome
from acidtest.core.verdict import Status, Visibility
from acidtest.grader.reports import wording
from acidtest.grader.reports.digest import Row, digest
from acidtest.grader.reports.inert import one_line, visible
from acidtest.grader.reports.losses import Loss, in_short, losses
from acidtest.grader.reports.points import worth

MOST_TEXT = 4_000
"""Characters of one text; the whole of it is in judgement.json."""

_MOST_FINDINGS = 15
_LINE = 500


class Line(NamedTuple):
    """One row of a result."""

    name: str
    """In our own words."""
    output: str
    """Why it is not whole; inert."""
    earned: float
    possible: float
    """0 where it tells and does not count."""
    hidden: bool
    passed: bool
    tag: str


def lines(judgement: Judgement) -> tuple[Line, ...]:
    """Return the rows of a judged run: areas with points where a profile weighed it, then checks.

    Points stand in one of the two only, so that they add up to the total.
    """
    told = judgement.assessment
    areas = [_area(area, losses(judgement)) for area in told.areas if area.possible] if told else []
    shares = {} if told else worth(judgement)
    return (*areas, *(_check(judgement, row, shares) for row in _checks(judgement)))


def explained(judgement: Judgement) -> str:
    """The whole result in a few sentences, inert and without what is hidden."""
    if judgement.outcome is not Outcome.JUDGED:
        parts = [
            wording.OUTCOME_HEADLINES[judgement.outcome] + ".",
            wording.OUTCOME_MEANINGS[judgement.outcome],
            judgement.message,
            judgement.log[-MOST_TEXT:],
        ]
        return visible("\n".join(part for part in parts if part), limit=2 * MOST_TEXT)
    parts = [in_short(judgement)]
    told = judgement.assessment
    if told is not None and told.ceiling is not None:
        parts.append(f"Bounded at {wording.points(told.ceiling.points)}: {told.ceiling.reason}")
    if told is not None and told.points is None:
        parts.append(f"The profile {told.profile} gives no total.")
    if told is None and judgement.score.points is None:
        parts.append(wording.only_some(judgement) or wording.no_score(judgement))
    return visible("\n".join(parts), limit=MOST_TEXT)


def _checks(judgement: Judgement) -> list[Row]:
    rows = digest(judgement)
    found = (*rows.findings, *rows.untold, *rows.skipped, *rows.not_applicable, *rows.passed)
    return sorted(found, key=lambda row: row.place)


def _area(area: AreaScore, told: Sequence[Loss]) -> Line:
    inside = [(loss, area.costs[loss.id]) for loss in told if loss.id in area.costs]
    shown = [pair for pair in inside if not pair[0].hidden]
    parts = [_priced(loss, cost) for loss, cost in shown[:_MOST_FINDINGS]]
    if len(shown) > _MOST_FINDINGS:
        parts.append(f"and {len(shown) - _MOST_FINDINGS} more")
    secret = sum(cost for loss, cost in inside if loss.hidden)
    if secret:
        parts.append(f"-{wording.cost(secret)}  checks that are not shown")
    parts += [f"not assessed: {name} ({why})" for name, why in area.unassessed.items()]
    return Line(
        name=area.title + (f" (level {area.level} of 5)" if area.level else ""),
        output=visible("\n".join(parts), limit=MOST_TEXT),
        earned=area.earned,
        possible=area.possible,
        hidden=False,
        passed=area.earned >= area.possible - 1e-6,
        tag="area",
    )


def _priced(loss: Loss, cost: float) -> str:
    where = f"{wording.place(loss.place)} " if loss.place else ""
    return one_line(f"-{wording.cost(cost)}  {where}{loss.message}", limit=_LINE)


def _check(judgement: Judgement, row: Row, shares: dict[str, float]) -> Line:
    result = row.result
    possible = shares.get(row.info.id, 0.0)
    lost = judgement.score.costs.get(row.info.id, 0.0)
    return Line(
        name=f"{row.info.requirement} {row.info.title}",
        output=_why(row),
        earned=max(0.0, possible - lost) if possible else 0.0,
        possible=possible,
        hidden=row.info.visibility is Visibility.HIDDEN,
        passed=result.status in {Status.PASS, Status.NOT_APPLICABLE},
        tag=result.status.value,
    )


def _why(row: Row) -> str:
    if row.result.status is Status.PASS:
        return ""
    evidence = row.result.evidence
    parts = [
        f"{wording.sentence(wording.STATUS_WORDS[row.result.status])}. {row.result.message}",
        f"Expected: {evidence.expected}" if evidence and evidence.expected else "",
        f"Observed: {evidence.observed}" if evidence and evidence.observed else "",
    ]
    return visible("\n".join(part for part in parts if part), limit=MOST_TEXT)
