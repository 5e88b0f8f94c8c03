"""What the HTML page shows of the assessment: areas, what to mend first, and what was read."""

from collections.abc import Iterator
from typing import NamedTuple

from acidtest.core.assessment import AreaScore, Assessment
from acidtest.core.finding import Finding
from acidtest.core.judgement import Judgement
from acidtest.core.verdict import Status
from acidtest.grader.reports import wording

MAX_FIRST = 6
MAX_FINDINGS = 120
_CRITERIA = {
    "code": "Code",
    "security": "Security",
    "architecture": "Architecture",
    "tests": "Tests",
}


class AreaRow(NamedTuple):
    """One area as a row of the table."""

    title: str
    weight: float
    possible: float
    earned: float
    withheld: float
    level: int | None
    anchor: str
    unassessed: tuple[str, ...]
    """Sentences about what nobody could tell in it."""


class Mend(NamedTuple):
    """One thing to mend, whether it was seen on the wire or in the files."""

    anchor: str
    """Where on the page it is told."""
    about: str
    """The requirement, or the place in the files."""
    text: str
    cost: float


class CodeRow(NamedTuple):
    """One finding in the files."""

    finding: Finding
    cost: float
    place: str
    """File and line, empty when it is about the whole."""
    related: tuple[str, ...]


class CodeGroup(NamedTuple):
    """Findings of one stage, the dearest first."""

    title: str
    rows: tuple[CodeRow, ...]


class AssessmentView(NamedTuple):
    """The assessment as the templates lay it out."""

    points: float | None
    level: int | None
    profile: str
    assessed: int
    """Hundredths of the profile's weight about which somebody could tell."""
    ceiling: str
    stop: str
    areas: tuple[AreaRow, ...]
    first: tuple[Mend, ...]
    code: tuple[CodeGroup, ...]
    code_count: int
    left_out: int
    notes: tuple[str, ...]


def assessment_view(judgement: Judgement) -> AssessmentView | None:
    """Compute what the page shows; None when nothing was assessed."""
    assessment = judgement.assessment
    if assessment is None or judgement.options.only:
        return None
    costs = wording.costs_of(assessment)
    rows = _code_rows(judgement, costs)
    return AssessmentView(
        points=assessment.points,
        level=assessment.level,
        profile=assessment.profile,
        assessed=round(100 * assessment.assessed),
        ceiling=_ceiling(assessment),
        stop=_stop(assessment),
        areas=tuple(_area(area) for area in assessment.areas),
        first=tuple(_first(judgement, costs)),
        code=_grouped(rows[:MAX_FINDINGS]),
        code_count=len(rows),
        left_out=max(0, len(rows) - MAX_FINDINGS),
        notes=judgement.stage_notes,
    )


def _area(area: AreaScore) -> AreaRow:
    return AreaRow(
        title=area.title,
        weight=area.weight,
        possible=area.possible,
        earned=area.earned,
        withheld=area.withheld,
        level=area.level,
        anchor=area.anchor,
        unassessed=tuple(f"{name}: {reason}" for name, reason in area.unassessed.items()),
    )


def _ceiling(assessment: Assessment) -> str:
    if assessment.ceiling is None:
        return ""
    points = wording.points(assessment.ceiling.points)
    return f"Bounded at {points} points. {assessment.ceiling.reason}"


def _stop(assessment: Assessment) -> str:
    if assessment.stop is None:
        return ""
    area = next(area.title for area in assessment.areas if area.name == assessment.stop.area)
    return f"To correct before anything else is discussed: {area.lower()}."


def _first(judgement: Judgement, costs: dict[str, float]) -> Iterator[Mend]:
    """What costs most, from the service and from its files alike.

    What could not be asked is not among it: it comes right with what it rests on.
    """
    checks = {info.id: info for info in judgement.checks}
    messages = {result.check: result.message for result in judgement.results}
    findings = {finding.id: finding for finding in judgement.findings}
    unasked = {r.check for r in judgement.results if r.status is Status.SKIPPED}
    dearest = sorted((-cost, name) for name, cost in costs.items() if name not in unasked)
    for lost, name in dearest[:MAX_FIRST]:
        cost = -lost
        if name in checks:
            text = messages.get(name) or checks[name].title
            yield Mend(f"check-{name}", checks[name].requirement, text, cost)
        elif name in findings:
            found = findings[name]
            where = wording.place(found.place) if found.place else ""
            yield Mend(f"finding-{name}", where, found.message, cost)


def _code_rows(judgement: Judgement, costs: dict[str, float]) -> list[CodeRow]:
    rows = [
        CodeRow(
            finding=finding,
            cost=costs.get(finding.id, 0.0),
            place=wording.place(finding.place) if finding.place else "",
            related=tuple(wording.place(place) for place in finding.related),
        )
        for finding in judgement.findings
    ]
    return sorted(rows, key=_order)


def _order(row: CodeRow) -> tuple[float, int, str]:
    return -row.cost, -row.finding.severity.rank, row.place


def _grouped(rows: list[CodeRow]) -> tuple[CodeGroup, ...]:
    groups: dict[str, list[CodeRow]] = {}
    for row in rows:
        stage = row.finding.criterion.partition(".")[0]
        groups.setdefault(_CRITERIA.get(stage, stage.capitalize()), []).append(row)
    return tuple(CodeGroup(title, tuple(inside)) for title, inside in groups.items())
