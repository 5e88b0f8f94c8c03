"""What other tools saw, put to what ours saw: one finding for one thing, whoever saw it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from acidtest.catalogue.rules import Rules
from acidtest.core.finding import Finding, numbered
from acidtest.core.mark import Mark, mark_of
from acidtest.grader.stages.foreign.sarif import ForeignReport, notes_of
from acidtest.grader.stages.hits import Hit, Weighed, weigh
from acidtest.grader.stages.outcome import StageOutcome
from acidtest.grader.stages.tree import SourceTree

_HANDED_IN = "a report that was handed in"


def merged(
    outcome: StageOutcome, reports: Iterable[ForeignReport], rules: Rules, tree: SourceTree
) -> StageOutcome:
    """Return `outcome` with what `reports` say.

    A thing that ours saw, too, gets the other tool's name beside it. What only the other saw is
    weighed by the rule that knows its code, within what that rule may cost at most, where the
    criterion was assessed; everything else is a note.
    """
    told = tuple(reports)
    sorted_hits = _sorted(
        [hit for report in told for hit in report.hits], outcome.findings, rules, outcome.marks
    )
    findings = tuple(
        finding.model_copy(
            update={"tools": tuple(sorted({*finding.tools, *sorted_hits.again[finding.id]}))}
        )
        if finding.id in sorted_hits.again
        else finding
        for finding in outcome.findings
    )
    new = _renamed(weigh(sorted_hits.fresh, rules, tree), findings)
    bounded = _bounded(new, outcome, rules)
    return StageOutcome(
        findings=(*findings, *new.findings, *notes_of(sorted_hits.unknown, tree)),
        marks=_with(outcome.marks, new.findings, bounded),
        notes=(*outcome.notes, *(note for report in told for note in report.notes)),
    )


class _Sorted(NamedTuple):
    again: Mapping[str, list[str]]
    """Tools with their codes, by id of the finding that was seen again."""
    fresh: Sequence[Hit]
    """What a rule knows and ours did not see."""
    unknown: Sequence[Hit]


def _sorted(
    hits: Iterable[Hit], findings: Iterable[Finding], rules: Rules, marks: Iterable[Mark]
) -> _Sorted:
    seen = {(f.rule, f.place.file, f.place.line): f.id for f in findings if f.place}
    assessed = {mark.criterion for mark in marks if mark.share is not None}
    again: dict[str, list[str]] = {}
    fresh: list[Hit] = []
    unknown: list[Hit] = []
    for hit in hits:
        rule = rules.by_code.get((hit.tool, hit.code))
        known = seen.get((rule or "", hit.file, hit.line))
        if known is not None:
            again.setdefault(known, []).append(f"{hit.tool} {hit.code}")
        elif rule is not None and rules.rules[rule].criterion in assessed:
            fresh.append(hit)
        else:
            unknown.append(hit)
    return _Sorted(again, fresh, unknown)


def _renamed(new: Weighed, before: Sequence[Finding]) -> Weighed:
    """The new findings with ids that count the equal ones before them."""
    ids = [one.id for one in numbered((*before, *new.findings))[len(before) :]]
    costs = {
        now: new.costs[finding.id]
        for now, finding in zip(ids, new.findings, strict=True)
        if finding.id in new.costs
    }
    renamed = (
        finding.model_copy(update={"id": now})
        for now, finding in zip(ids, new.findings, strict=True)
    )
    return Weighed(tuple(renamed), costs)


def _bounded(new: Weighed, outcome: StageOutcome, rules: Rules) -> dict[str, float]:
    """What each new finding costs, so that a rule never costs more than its most."""
    lost = {name: cost for mark in outcome.marks for name, cost in mark.costs.items()}
    before: dict[str, float] = {}
    for finding in outcome.findings:
        before[finding.rule] = before.get(finding.rule, 0.0) + lost.get(finding.id, 0.0)
    adding: dict[str, float] = {}
    for finding in new.findings:
        cost = new.costs.get(finding.id, 0.0)
        adding[finding.rule] = adding.get(finding.rule, 0.0) + cost
    bounded = {}
    for finding in new.findings:
        whole = adding[finding.rule]
        left = max(0.0, rules.rules[finding.rule].most - before.get(finding.rule, 0.0))
        if whole:
            bounded[finding.id] = new.costs.get(finding.id, 0.0) * min(1.0, left / whole)
    return bounded


def _with(
    marks: Iterable[Mark], new: Iterable[Finding], costs: Mapping[str, float]
) -> tuple[Mark, ...]:
    """The marks with the new costs, each in the first one of its criterion that has a share."""
    waiting: dict[str, dict[str, float]] = {}
    for finding in new:
        waiting.setdefault(finding.criterion, {})[finding.id] = costs.get(finding.id, 0.0)
    told = []
    for mark in marks:
        more = waiting.pop(mark.criterion, None) if mark.share is not None else None
        told.append(mark if more is None else _lowered(mark, more))
    return tuple(told)


def _lowered(mark: Mark, more: Mapping[str, float]) -> Mark:
    return mark_of(
        mark.criterion,
        {**mark.costs, **more},
        reason=f"{mark.reason}, and {_HANDED_IN}" if mark.reason else _HANDED_IN,
        weight=mark.weight,
        figures=mark.figures,
    )
