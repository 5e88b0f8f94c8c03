"""The assessment in the terminal: what the code lost, area by area, and what it comes to."""

from collections.abc import Iterator

from rich.text import Text

from acidtest.core.assessment import AreaScore, Assessment
from acidtest.core.finding import Finding, Severity
from acidtest.core.judgement import Judgement
from acidtest.grader.reports import wording
from acidtest.grader.reports.console_text import line

_MOST = 12
_BAR = 20
_INDENT = "         "
_STYLES = {
    Severity.CRITICAL: "bold red",
    Severity.MAJOR: "red",
    Severity.MINOR: "yellow",
    Severity.NOTE: "dim",
}


def code_findings(judgement: Judgement, assessment: Assessment) -> Iterator[Text]:
    """Yield what reading the submission showed, the dearest first."""
    if not judgement.findings:
        return
    costs = wording.costs_of(assessment)
    shown = sorted(
        judgement.findings, key=lambda one: (-costs.get(one.id, 0.0), -one.severity.rank)
    )
    yield Text()
    yield line(("Read in its files, the dearest first", "bold"))
    for finding in shown[:_MOST]:
        yield from _finding(finding, costs.get(finding.id, 0.0))
    if len(shown) > _MOST:
        yield line((f"{_INDENT}and {len(shown) - _MOST} more, in the report", "dim"))


def _finding(finding: Finding, cost: float) -> Iterator[Text]:
    price = f"-{wording.cost(cost)}" if cost else finding.severity.value
    yield line(
        (f"{price:>8} ", _STYLES[finding.severity]),
        (f"{wording.place(finding.place)} " if finding.place else "", "bold"),
        finding.message,
    )


def areas(assessment: Assessment) -> Iterator[Text]:
    """Yield the table of areas, with what was not assessed named."""
    yield Text()
    yield line((f"Weighed as {assessment.profile} says", "bold"))
    longest = max(len(area.title) for area in assessment.areas)
    for area in assessment.areas:
        yield line(f"  {area.title:<{longest}}  ", *_bar(area))
    if assessment.stop is not None:
        stopped = next(a.title for a in assessment.areas if a.name == assessment.stop.area)
        yield line(
            ("  To correct before anything else: ", "bold red"),
            f"{stopped}, {wording.plural(len(assessment.stop.findings), 'finding')}",
        )
    if assessment.ceiling is not None:
        yield line(
            ("  Bounded at ", "bold red"),
            f"{wording.points(assessment.ceiling.points)}: {assessment.ceiling.reason}",
        )


def _bar(area: AreaScore) -> list[str | tuple[str, str]]:
    if not area.possible:
        return [("not assessed", "dim")]
    full = int(_BAR * area.earned / area.possible + 1e-9)
    level = f"  level {area.level}" if area.level else ""
    partly = "  in part" if area.unassessed else ""
    return [
        ("█" * full, "green"),
        ("░" * (_BAR - full), "red"),
        f"  {wording.of_area(area.earned, area.possible):>5} of {area.possible:.1f}{level}",
        (partly, "dim"),
    ]


def overall(assessment: Assessment) -> Iterator[Text]:
    """Yield the total in one line, where the profile has one."""
    if assessment.points is None:
        return
    level = f", level {assessment.level} of 5" if assessment.level else ""
    told = f" ({round(100 * assessment.assessed)} % of it assessed)"
    yield line((f"{wording.points(assessment.points)} of 100", "bold"), f"  overall{level}{told}")
