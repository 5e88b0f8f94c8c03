"""Several judgements of one problem side by side: what each scored, and what only one of them has.

Nothing is judged here. What is the same everywhere says nothing about a difference and is counted,
what only one has is told with its words and its place.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from acidtest.core.errors import UsageError
from acidtest.core.finding import Severity
from acidtest.core.judgement import Judgement, Outcome
from acidtest.core.verdict import Kind
from acidtest.grader.reports import wording
from acidtest.grader.reports.digest import digest, group_points
from acidtest.grader.reports.losses import Loss, losses, total
from acidtest.grader.reports.measures import Measure, measures

MOST = 20
"""Judgements in one comparison; a wider table is read by nobody."""
MOST_ROWS = 60
"""Findings told of one submission."""

_LETTERS = "ABCDEFGHIJKLMNOPQRST"


class Column(NamedTuple):
    """One submission."""

    letter: str
    """What it is called in the tables."""
    label: str
    """What it calls itself; hostile text."""
    run: str
    points: float | None
    level: int | None
    headline: str
    """Why there are no points; empty for an ordinary run."""
    checks: str
    """How many checks passed of how many; empty where none was asked."""


class Cell(NamedTuple):
    """What one submission earned of a row."""

    earned: float
    possible: float
    level: int | None = None

    @property
    def points(self) -> str:
        """The earned points as a person reads them; like the possible ones when none was lost."""
        return wording.of_area(self.earned, self.possible)


class Row(NamedTuple):
    """One area or group, in the order of the columns."""

    title: str
    cells: tuple[Cell | None, ...]
    """None where nobody could tell."""

    @property
    def best(self) -> str:
        """The most points of the row as they are shown; empty where all have the same."""
        shown = {cell.points: cell.earned for cell in self.cells if cell is not None}
        return max(shown, key=lambda points: shown[points]) if len(shown) > 1 else ""


class Shared(NamedTuple):
    """A failed check or a rule that more than one submission has."""

    title: str
    costs: tuple[float | None, ...]
    """Points lost in each column; None where it has none."""
    counts: tuple[int, ...]


class Comparison(NamedTuple):
    """Everything that is told of a few judgements."""

    problem: str
    columns: tuple[Column, ...]
    warnings: tuple[str, ...]
    """Why numbers may differ for other reasons than the submissions."""
    areas: tuple[Row, ...]
    groups: tuple[Row, ...]
    severities: tuple[tuple[str, tuple[int, ...]], ...]
    """How many findings and failed checks of each severity."""
    alone: tuple[tuple[Loss, ...], ...]
    """By column, what no other one has, the dearest first."""
    shared: tuple[Shared, ...]
    """What some or all of them have."""
    measures: tuple[Measure, ...]


def compare(
    judgements: Sequence[Judgement], *, titles: Mapping[str, str] | None = None
) -> Comparison:
    """Put judgements of one problem side by side, in the order given.

    Args:
        judgements: what is compared.
        titles: what a broken rule is called, by its name.

    Raises:
        UsageError: they are too few, too many, or of different problems.
    """
    _refuse(judgements)
    told = [losses(judgement) for judgement in judgements]
    kinds = [{_kind(loss) for loss in one} for one in told]
    having = Counter(kind for one in kinds for kind in one)
    return Comparison(
        problem=judgements[0].problem.title,
        columns=tuple(map(_column, _LETTERS, judgements)),
        warnings=tuple(_warnings(judgements)),
        areas=_rows([_areas(judgement) for judgement in judgements]),
        groups=_rows([_groups(judgement) for judgement in judgements]),
        severities=tuple(
            (severity.value, tuple(sum(x.severity is severity for x in one) for one in told))
            for severity in Severity
        ),
        alone=tuple(
            tuple(loss for loss in one if having[_kind(loss)] == 1)[:MOST_ROWS] for one in told
        ),
        shared=_shared(told, having, titles or {}),
        measures=measures(judgements),
    )


def _refuse(judgements: Sequence[Judgement]) -> None:
    if len(judgements) < 2:  # noqa: PLR2004 - there is nothing beside one
        raise UsageError("Comparing takes at least two judgements.")
    if len(judgements) > MOST:
        raise UsageError(f"At most {MOST} judgements can stand side by side.")
    slugs = dict.fromkeys(judgement.problem.slug for judgement in judgements)
    if len(slugs) > 1:
        named = ", ".join(
            f"{letter} of {judgement.problem.slug}"
            for letter, judgement in zip(_LETTERS, judgements, strict=False)
        )
        raise UsageError(f"Only judgements of one problem can be compared; these are {named}.")


def _warnings(judgements: Sequence[Judgement]) -> Iterable[str]:
    judged = [
        (letter, judgement)
        for letter, judgement in zip(_LETTERS, judgements, strict=False)
        if judgement.outcome is Outcome.JUDGED
    ]

    def differ(of: Callable[[Judgement], str], say: str) -> Iterable[str]:
        found = {letter: of(judgement) for letter, judgement in judged}
        if len(set(found.values())) > 1:
            yield f"{say}: {', '.join(f'{letter} {text}' for letter, text in found.items())}."

    yield from differ(lambda j: j.problem.version, "The versions of the problem differ")
    yield from differ(lambda j: j.acidtest_version, "The versions of AcidTest differ")
    yield from differ(
        lambda j: j.assessment.profile if j.assessment else "none",
        "They were weighed by different profiles, which `acidtest rescore` can mend",
    )
    yield from differ(
        lambda j: "quick" if j.options.quick else "whole", "Not all of them were asked everything"
    )
    for letter, judgement in zip(_LETTERS, judgements, strict=False):
        if judgement.options.only:
            yield f"{letter} was asked chosen checks only, so it has no score."
        if judgement.outcome is Outcome.VOID:
            yield f"{letter} is void: nothing is said about it."


def _column(letter: str, judgement: Judgement) -> Column:
    rows = digest(judgement)
    failed = sum(not row.advisory for row in rows.findings)
    asked = len(rows.passed) + failed + len(rows.skipped)
    judged = judgement.outcome is Outcome.JUDGED
    return Column(
        letter=letter,
        label=judgement.submission.label,
        run=judgement.run,
        points=total(judgement),
        level=judgement.assessment.level if judgement.assessment and judged else None,
        headline="" if judged else wording.OUTCOME_HEADLINES[judgement.outcome],
        checks=f"{len(rows.passed)} of {wording.plural(asked, 'check')} passed" if judged else "",
    )


def _areas(judgement: Judgement) -> dict[str, Cell]:
    told = judgement.assessment
    if told is None or judgement.outcome is not Outcome.JUDGED:
        return {}
    return {
        area.title: Cell(area.earned, area.possible, area.level)
        for area in told.areas
        if area.possible
    }


def _groups(judgement: Judgement) -> dict[str, Cell]:
    if judgement.options.only:
        return {}
    return {
        group.title: Cell(group.earned, group.possible)
        for group in group_points(judgement.score)
        if group.possible
    }


def _rows(columns: Sequence[Mapping[str, Cell]]) -> tuple[Row, ...]:
    titles = dict.fromkeys(title for column in columns for title in column)
    return tuple(Row(title, tuple(column.get(title) for column in columns)) for title in titles)


def _kind(loss: Loss) -> str:
    """What makes two losses of different submissions the same one."""
    return f"check {loss.rule}" if loss.row else f"rule {loss.rule}"


def _title(loss: Loss, titles: Mapping[str, str]) -> str:
    if loss.row is None:
        return titles.get(loss.rule, loss.rule)
    advice = " (advice)" if loss.row.info.kind is Kind.ADVISORY else ""
    return f"{loss.row.info.requirement} {loss.row.info.title}{advice}"


def _shared(
    told: Sequence[Sequence[Loss]], having: Mapping[str, int], titles: Mapping[str, str]
) -> tuple[Shared, ...]:
    named = {_kind(loss): _title(loss, titles) for one in told for loss in one}
    rows = []
    for kind, title in named.items():
        if having[kind] > 1:
            found = [[loss for loss in one if _kind(loss) == kind] for one in told]
            costs = tuple(sum(x.cost for x in one) if one else None for one in found)
            rows.append(Shared(title, costs, tuple(len(one) for one in found)))
    dearest = sorted(rows, key=lambda row: -sum(cost or 0.0 for cost in row.costs))
    return tuple(dearest[:MOST_ROWS])
