"""What the HTML page shows, computed: the templates only lay it out.

Everything is bounded here, because a judgement may hold thousands of moments and a page is read
by a person.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from acidtest.core.evidence import Evidence, HttpExchange, LoadRecord
from acidtest.core.judgement import Judgement, Outcome
from acidtest.core.verdict import Kind, Status
from acidtest.grader.reports import latency_chart, moments, picture, wording
from acidtest.grader.reports.digest import Cause, Digest, GroupPoints, Row, digest, group_points
from acidtest.grader.reports.page_assessment import AssessmentView, assessment_view

MAX_STEPS = 8
"""Requests shown as commands; the rest are in the timeline."""
MAX_TIMELINE = 200
MAX_TABLE_ROWS = 50
MAX_TABLES = 8
MAX_LOADS = 4

_KIND_MEANINGS = {
    Kind.SAFETY: "Seen once is proof: a rule that must always hold was broken.",
    Kind.DETERMINISTIC: "The same request gives the same result every time.",
    Kind.TIMING: "Confirmed on a fresh environment before it counted.",
    Kind.ADVISORY: "Advice: it costs no points.",
}


class Step(NamedTuple):
    """One command a person can paste, and what it brought."""

    curl: str
    answer: str
    body: str
    times: int
    seconds: tuple[float, float]
    """The fastest and the slowest answer."""
    together: bool
    """Whether it was sent before the one before it was answered."""

    @property
    def took(self) -> str:
        """How long it took, as a range where it was sent more than once."""
        fastest, slowest = (wording.duration(value) for value in self.seconds)
        return fastest if fastest == slowest else f"{fastest} to {slowest}"


class Table(NamedTuple):
    """A small set of rows."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | None, ...], ...]
    left_out: int


class Finding(NamedTuple):
    """A row with everything its evidence shows."""

    row: Row
    others: tuple[Row, ...]
    """Findings that say the very same."""
    cost: float
    """Points of it and of the others."""
    kind_meaning: str
    replay: str
    steps: tuple[Step, ...]
    steps_left_out: int
    picture: picture.Picture | None
    loads: tuple[latency_chart.Chart, ...]
    timeline: tuple[moments.TimelineRow, ...]
    timeline_left_out: int
    repeated: tuple[tuple[int, str], ...]
    tables: tuple[Table, ...]


class Passed(NamedTuple):
    """What passed in one group."""

    title: str
    rows: tuple[Row, ...]


class Page(NamedTuple):
    """Everything the templates need."""

    judgement: Judgement
    digest: Digest
    judged: bool
    headline: str
    meaning: str
    advice: tuple[str, ...]
    unisolated: str
    lead: str
    no_score: str
    only_some: str
    findings: tuple[Finding, ...]
    untold: tuple[Finding, ...]
    skipped: tuple[Finding, ...]
    not_applicable: tuple[Finding, ...]
    groups: tuple[GroupPoints, ...]
    passed: tuple[Passed, ...]
    measured: tuple[Finding, ...]
    """What passed and was measured under load."""
    assessment: AssessmentView | None
    """Behaviour and code weighed together; None when only checks were asked."""


def page(judgement: Judgement) -> Page:
    """Compute the page of `judgement`."""
    sorted_rows = digest(judgement)
    return Page(
        judgement=judgement,
        digest=sorted_rows,
        judged=judgement.outcome is Outcome.JUDGED,
        headline=wording.OUTCOME_HEADLINES[judgement.outcome],
        meaning=wording.OUTCOME_MEANINGS[judgement.outcome],
        advice=wording.OUTCOME_ADVICE[judgement.outcome],
        unisolated="" if judgement.options.isolated else wording.UNISOLATED,
        lead=wording.lead(sorted_rows),
        no_score=wording.no_score(judgement),
        only_some=wording.only_some(judgement),
        findings=_shown(judgement, sorted_rows.causes),
        untold=_shown(judgement, _alone(sorted_rows.untold)),
        skipped=_shown(judgement, _alone(sorted_rows.skipped)),
        not_applicable=_shown(judgement, _alone(sorted_rows.not_applicable)),
        groups=group_points(judgement.score),
        passed=tuple(
            Passed(group.title, inside)
            for group in judgement.groups
            if (inside := tuple(r for r in sorted_rows.passed if r.info.group == group.name))
        ),
        measured=_shown(judgement, _alone([row for row in sorted_rows.passed if _loads(row)])),
        assessment=assessment_view(judgement),
    )


def _alone(rows: Sequence[Row]) -> tuple[Cause, ...]:
    return tuple(Cause((row,)) for row in rows)


def _loads(row: Row) -> tuple[LoadRecord, ...]:
    return row.result.evidence.loads if row.result.evidence else ()


def _shown(judgement: Judgement, causes: Sequence[Cause]) -> tuple[Finding, ...]:
    return tuple(_finding(judgement, cause) for cause in causes)


def _finding(judgement: Judgement, cause: Cause) -> Finding:
    row = cause.head
    evidence = row.result.evidence or Evidence()
    steps = list(_steps(evidence))
    ordered = moments.rows(evidence.timeline, limit=MAX_TIMELINE)
    return Finding(
        row=row,
        others=cause.others,
        cost=cause.cost,
        kind_meaning=_kind_meaning(row),
        replay=wording.replay_command(judgement, row.info.id),
        steps=tuple(steps[:MAX_STEPS]),
        steps_left_out=sum(step.times for step in steps[MAX_STEPS:]),
        picture=picture.draw(evidence.timeline),
        loads=tuple(latency_chart.draw(record) for record in evidence.loads[:MAX_LOADS]),
        timeline=tuple(ordered),
        timeline_left_out=max(0, len(evidence.timeline) - MAX_TIMELINE),
        repeated=tuple(moments.repeated_statements(evidence.timeline)),
        tables=tuple(_tables(evidence)),
    )


def _kind_meaning(row: Row) -> str:
    if row.result.status is Status.PARTIAL:
        share = round(100 * (row.result.share or 0.0))
        return f"Partly held: {share} % of its points were earned."
    return _KIND_MEANINGS[row.info.kind]


def _steps(evidence: Evidence) -> Iterator[Step]:
    """The requests in the order they were sent, the same ones with the same answer joined."""
    exchanges = sorted(
        (m for m in evidence.timeline if isinstance(m, HttpExchange) and m.curl),
        key=lambda exchange: exchange.at,
    )
    until = float("-inf")
    held: Step | None = None
    for exchange in exchanges:
        step = Step(
            curl=exchange.curl,
            answer=moments.answer(exchange),
            body=exchange.response_body,
            times=1,
            seconds=(exchange.seconds, exchange.seconds),
            together=exchange.at < until,
        )
        until = max(until, exchange.at + exchange.seconds)
        if held and step.together and (held.curl, held.answer) == (step.curl, step.answer):
            held = held._replace(times=held.times + 1, seconds=_range(held.seconds, step.seconds))
            continue
        if held:
            yield held
        held = step
    if held:
        yield held


def _range(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    return min(one[0], other[0]), max(one[1], other[1])


def _tables(evidence: Evidence) -> Iterator[Table]:
    for title, rows in list(evidence.tables.items())[:MAX_TABLES]:
        columns = tuple(dict.fromkeys(column for row in rows for column in row))
        yield Table(
            title=title,
            columns=columns,
            rows=tuple(_cells(row, columns) for row in rows[:MAX_TABLE_ROWS]),
            left_out=max(0, len(rows) - MAX_TABLE_ROWS),
        )


def _cells(row: dict[str, str | None], columns: Sequence[str]) -> tuple[str | None, ...]:
    return tuple(row.get(column) for column in columns)
