"""All that cost points, or may interest a reader: failed checks and findings, in one order.

The formats of others have one list of results; what a service did and what its code shows meet
here, each with its place where there is one, so that every format tells the same.
"""

from typing import NamedTuple

from acidtest.core.finding import Finding, Place, Severity
from acidtest.core.judgement import Judgement, Outcome
from acidtest.core.score import severities_of
from acidtest.core.verdict import Kind, Visibility
from acidtest.grader.reports import wording
from acidtest.grader.reports.digest import Row, digest

_SILENCED = "(silenced by its author)"
"""How the message of such a finding ends; see `grader.stages.hits`."""


class Loss(NamedTuple):
    """One failed check or one finding."""

    id: str
    """The check's name, or the finding's id: what costs are kept by."""
    rule: str
    """What was asked or looked for, in our own words."""
    message: str
    """What is wrong; hostile text."""
    severity: Severity
    cost: float
    """Points of the total it lost; 0 where nothing is lost or nothing adds up to a total."""
    place: Place | None
    row: Row | None = None
    """The check, where it is one."""
    finding: Finding | None = None
    """What was read, where it is that."""

    @property
    def hidden(self) -> bool:
        """Whether nobody may know of it before the judgement."""
        return self.row is not None and self.row.info.visibility is Visibility.HIDDEN

    @property
    def silenced(self) -> bool:
        """Whether its author decided that it stays, at its line and by its name."""
        return (
            self.finding is not None
            and self.severity is Severity.NOTE
            and _SILENCED in self.finding.message
        )


def costs(judgement: Judgement) -> dict[str, float]:
    """Points lost by id of a check or a finding, on the scale of the total that is shown."""
    if _without_total(judgement):
        return {}
    if judgement.assessment is not None:
        return wording.costs_of(judgement.assessment)
    return dict(judgement.score.costs)


def total(judgement: Judgement) -> float | None:
    """The points of the whole, 0 to 100; None when there is no total."""
    if _without_total(judgement):
        return None
    if judgement.assessment is not None:
        return judgement.assessment.points
    return judgement.score.points


def _without_total(judgement: Judgement) -> bool:
    """Whether points would say less than they seem to: what was read is no whole."""
    return bool(judgement.options.only) or judgement.outcome is not Outcome.JUDGED


def in_short(judgement: Judgement) -> str:
    """The whole result in a sentence or two, on the scale of the total that is shown."""
    rows = digest(judgement)
    if judgement.assessment is None:
        return wording.lead(rows)
    scored = sum(not row.advisory for row in rows.findings)
    told = scored + len(rows.passed) + len(rows.skipped)
    read = sum(finding.severity is not Severity.NOTE for finding in judgement.findings)
    return (
        f"{len(rows.passed)} of {wording.plural(told, 'check')} passed. "
        f"{wording.plural(read, 'finding')} in its files."
    )


def losses(judgement: Judgement) -> tuple[Loss, ...]:
    """Return every failed check and every finding, the dearest first, then the worst."""
    lost = costs(judgement)
    severities = severities_of(judgement.checks)
    rows = [
        Loss(
            id=row.info.id,
            rule=row.info.id,
            message=row.result.message or row.info.title,
            severity=_severity(row, severities),
            cost=lost.get(row.info.id, 0.0),
            place=None,
            row=row,
        )
        for row in digest(judgement).findings
    ]
    rows += [
        Loss(
            id=finding.id,
            rule=finding.rule,
            message=finding.message,
            severity=finding.severity,
            cost=lost.get(finding.id, 0.0),
            place=finding.place,
            finding=finding,
        )
        for finding in judgement.findings
    ]
    # Ties keep the order of the plan and of the stages.
    return tuple(sorted(rows, key=lambda one: (-round(one.cost, 6), -one.severity.rank)))


def _severity(row: Row, severities: dict[str, Severity]) -> Severity:
    return Severity.NOTE if row.info.kind is Kind.ADVISORY else severities[row.info.id]
