"""Hits: what tools report in their own words, and how they become findings under our rules."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from acidtest.catalogue.rules import Rule, Rules
from acidtest.core.evidence import clip
from acidtest.core.finding import Finding, Place, Severity, numbered
from acidtest.core.mark import Mark, mark_of
from acidtest.grader.stages.tree import SourceTree

MOST_OF_A_RULE = 20
"""Findings of one rule that are kept; a habit is understood by then."""
_QUOTE = 300
_MESSAGE = 240
_ON_THE_LINE = re.compile(r"(?:#\s*noqa:|(?:oxlint|eslint)-disable-line)\s+([\w/, -]+)")
_BEFORE_THE_LINE = re.compile(r"(?:oxlint|eslint)-disable-next-line\s+([\w/, -]+)")


class Hit(NamedTuple):
    """One line of a tool's report."""

    tool: str
    code: str
    file: str
    line: int | None
    end_line: int | None
    message: str
    related: tuple[tuple[str, int, int], ...] = ()
    """File, first and last line of further places."""
    weight: float = 1.0
    """How much of a usual finding of its rule this one costs."""


class Weighed(NamedTuple):
    """Findings, and the share of its criterion that each of them costs."""

    findings: tuple[Finding, ...]
    costs: Mapping[str, float]
    """By id of the finding."""


def weigh(hits: Iterable[Hit], rules: Rules, tree: SourceTree) -> Weighed:
    """Make findings of hits: one for a rule and a line, whoever saw it.

    What its author silenced at its line, naming the code, stays a note and costs nothing: it was
    decided, and a reviewer may ask why.
    """
    by_rule: dict[str, dict[tuple[str, int | None], list[Hit]]] = defaultdict(dict)
    for hit in hits:
        name = rules.by_code.get((hit.tool, hit.code))
        if name is not None:
            by_rule[name].setdefault((hit.file, hit.line), []).append(hit)
    findings: list[Finding] = []
    costs: list[float] = []
    for name in rules.rules:
        made, lost = _of_rule(name, rules.rules[name], by_rule.get(name, {}), tree)
        findings += made
        costs += lost
    ids = numbered(findings)
    return Weighed(ids, {one.id: cost for one, cost in zip(ids, costs, strict=True) if cost})


def _of_rule(
    name: str, rule: Rule, places: Mapping[tuple[str, int | None], list[Hit]], tree: SourceTree
) -> tuple[list[Finding], list[float]]:
    """The findings of one rule, and what each costs of its criterion."""
    groups = [places[key] for key in sorted(places, key=lambda key: (key[0], key[1] or 0))]
    told = [(hits, _silenced(hits, tree)) for hits in groups]
    if sum(not silenced for _, silenced in told) <= rule.free:
        rule = rule.model_copy(update={"cost": 0.0, "severity": Severity.NOTE})
    counted = sum(max(h.weight for h in hits) for hits, silenced in told if not silenced)
    size = tree.thousand_lines if rule.per_size else 1.0
    whole = min(rule.most, rule.cost * counted / size)
    kept = sorted(told, key=lambda one: one[1])[:MOST_OF_A_RULE]
    worth = sum(max(h.weight for h in hits) for hits, silenced in kept if not silenced)
    more = len(groups) - len(kept)
    findings, costs = [], []
    for number, (hits, silenced) in enumerate(kept):
        note = f" (and {more} more)" if more and number == len(kept) - 1 else ""
        findings.append(_finding(name, rule, hits, tree, silenced=silenced, note=note))
        costs.append(0.0 if silenced else whole * max(h.weight for h in hits) / worth)
    return findings, costs


def _finding(
    name: str, rule: Rule, hits: list[Hit], tree: SourceTree, *, silenced: bool, note: str
) -> Finding:
    first = hits[0]
    return Finding(
        rule=name,
        criterion=rule.criterion,
        severity=Severity.NOTE if silenced else rule.severity,
        message=clip(first.message, _MESSAGE) + (" (silenced by its author)" * silenced) + note,
        why=rule.why,
        place=_place(tree, first.file, first.line, first.end_line) if first.file else None,
        related=tuple(_place(tree, *one) for one in first.related),
        tools=tuple(sorted({f"{hit.tool} {hit.code}" for hit in hits})),
    )


def _place(tree: SourceTree, file: str, line: int | None, end_line: int | None) -> Place:
    source = tree.by_path.get(file)
    quote = source.quote(line, end_line) if source and line else ""
    last = end_line if line and end_line and end_line > line else None
    return Place(file=file, line=line, end_line=last, quote=clip(quote, _QUOTE))


def _silenced(hits: list[Hit], tree: SourceTree) -> bool:
    """Whether the line itself silences each of these codes by name."""
    return all(_silences(tree, hit) for hit in hits)


def _silences(tree: SourceTree, hit: Hit) -> bool:
    source = tree.by_path.get(hit.file)
    if source is None or hit.line is None:
        return False
    found = _ON_THE_LINE.search(source.quote(hit.line))
    if found is None and hit.line > 1:
        found = _BEFORE_THE_LINE.search(source.quote(hit.line - 1))
    # What follows two hyphens is the reason.
    named = found[1].partition("--")[0] if found else ""
    return hit.code in {word.strip() for word in re.split(r"[,\s]+", named)}


def marks_of(
    weighed: Weighed, assessed: Mapping[str, str], *, figures: Mapping[str, Mapping[str, float]]
) -> tuple[Mark, ...]:
    """Make the mark of each criterion in `assessed`, whose values say how it was looked at.

    Args:
        weighed: the findings and what they cost.
        assessed: criteria that were looked at.
        figures: what was counted, by criterion.
    """
    criteria = {one.id: one.criterion for one in weighed.findings}
    return tuple(
        mark_of(
            criterion,
            {name: cost for name, cost in weighed.costs.items() if criteria[name] == criterion},
            reason=reason,
            figures=dict(figures.get(criterion, {})),
        )
        for criterion, reason in assessed.items()
    )
