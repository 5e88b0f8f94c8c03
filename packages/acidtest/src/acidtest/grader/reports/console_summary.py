"""The end of the terminal report, as lines: score, findings dearest first, and what is unsure."""

from collections.abc import Iterator

from rich.text import Text

from acidtest.core.judgement import Judgement, Outcome
from acidtest.core.score import Score
from acidtest.grader.reports import wording
from acidtest.grader.reports.console_assessment import areas, code_findings, overall
from acidtest.grader.reports.console_text import STYLES, line
from acidtest.grader.reports.digest import Cause, Digest, GroupPoints, Row, digest, group_points
from acidtest.grader.reports.inert import visible

_BAR = 20
_WHY = 240
_LOG_LINES = 15
_MESSAGE_LINES = 20
_MAX_UNSURE = 10
_MAX_NAMES = 4
_INDENT = "         "


def summary(judgement: Judgement, *, width: int = 100) -> Iterator[Text]:
    """Yield the summary of `judgement`, for a console `width` characters wide."""
    yield Text()
    if judgement.outcome is not Outcome.JUDGED:
        yield from _unjudged(judgement, width)
        return
    rows = digest(judgement)
    yield from _findings(judgement, rows)
    yield from _unsure("Could not be told; costs nothing", rows.untold)
    yield from _unsure("Not asked: what they rest on did not hold", rows.skipped)
    if not judgement.options.only:
        yield from _groups(judgement.score)
    assessment = None if judgement.options.only else judgement.assessment
    if assessment is not None:
        yield from code_findings(judgement, assessment)
        yield from areas(assessment)
    yield Text()
    yield _headline(judgement)
    if assessment is not None:
        yield from overall(assessment)
    yield line(wording.lead(rows))
    if not judgement.options.isolated:
        yield line(("Notice  ", "bold yellow"), wording.UNISOLATED)


def _headline(judgement: Judgement) -> Text:
    points = judgement.score.points
    if judgement.options.only:
        return line((wording.only_some(judgement), "bold"))
    if points is None:
        return line(("No score. ", "bold"), wording.no_score(judgement))
    return line((f"{wording.points(points)} of 100", "bold"), "  for behaviour")


def _findings(judgement: Judgement, rows: Digest) -> Iterator[Text]:
    if not rows.findings:
        clean = not rows.untold and not rows.skipped
        yield line(("No findings.", "bold green" if clean else "bold"))
        return
    yield line(("Findings, the dearest first", "bold"))
    for cause in rows.causes:
        yield from _finding(judgement, cause)


def _finding(judgement: Judgement, cause: Cause) -> Iterator[Text]:
    row = cause.head
    style = STYLES["advice" if row.advisory else row.result.status.value]
    price = f"-{wording.cost(cause.cost)}" if cause.cost else ""
    price = "advice" if row.advisory else price or wording.STATUS_WORDS[row.result.status]
    yield Text()
    yield line((f"{price:>7}  ", style), (f"{row.info.requirement} ", "bold"), row.requirement)
    message = row.result.message or f"This did not hold: {row.info.title}"
    yield line(_INDENT, message if len(message) <= _WHY else message[: _WHY - 1] + "…")
    evidence = row.result.evidence
    if evidence and evidence.observed:
        observed = evidence.observed
        yield line(
            (f"{_INDENT}observed: ", "dim"),
            observed if len(observed) <= _WHY else observed[: _WHY - 1] + "…",
        )
    if cause.others:
        yield line((f"{_INDENT}the same in {_names(cause.others)}", "dim"))
    yield line((_INDENT + wording.replay_command(judgement, row.info.id), "cyan"))


def _unsure(title: str, rows: tuple[Row, ...]) -> Iterator[Text]:
    if not rows:
        return
    yield Text()
    yield line((title, "bold"))
    for row in sorted(rows, key=lambda row: -row.cost)[:_MAX_UNSURE]:
        price = f"-{wording.cost(row.cost)}" if row.cost else ""
        word = wording.STATUS_WORDS[row.result.status]
        yield line(
            (f"{price:>7}  ", "dim"),
            (f"{word:<8} ", STYLES[row.result.status.value]),
            f"{row.info.requirement} {row.info.id}: {row.result.message[:_WHY]}",
        )
    if len(rows) > _MAX_UNSURE:
        yield line((f"{_INDENT}and {len(rows) - _MAX_UNSURE} more, in the report", "dim"))


def _names(rows: tuple[Row, ...]) -> str:
    shown = ", ".join(row.info.id for row in rows[:_MAX_NAMES])
    left = len(rows) - _MAX_NAMES
    return f"{shown} and {left} more" if left > 0 else shown


def _groups(score: Score) -> Iterator[Text]:
    shown = group_points(score)
    if not shown:
        return
    yield Text()
    longest = max(len(group.title) for group in shown)
    for group in shown:
        full, lost, unsure = _bar(group)
        yield line(
            f"  {group.title:<{longest}}  ",
            ("█" * full, "green"),
            ("░" * lost, "red"),
            ("·" * unsure, "dim"),
            f"  {wording.earned(group):>5} of {group.possible:.1f}" if group.possible else "",
            (f"  ({group.untold:.1f} untold)" if group.untold else "", "dim"),
        )


def _bar(group: GroupPoints) -> tuple[int, int, int]:
    """Characters earned, lost and unsure; the least loss takes a whole one."""
    whole = group.possible + group.untold
    unsure = round(_BAR * group.untold / whole)
    full = min(int(_BAR * group.earned / whole + 1e-9), _BAR - unsure)
    if group.whole:
        full = _BAR - unsure
    return full, _BAR - unsure - full, unsure


def _unjudged(judgement: Judgement, width: int) -> Iterator[Text]:
    yield line((wording.OUTCOME_HEADLINES[judgement.outcome], "bold red"))
    for row in wording.sentence(judgement.message).splitlines()[:_MESSAGE_LINES]:
        yield line(row)
    yield line((wording.OUTCOME_MEANINGS[judgement.outcome], "dim"))
    tail = visible(judgement.log).splitlines()[-_LOG_LINES:]
    if tail:
        yield Text()
        yield line(("The end of the log", "bold"))
        for row in tail:
            yield line(("  │ ", "dim"), row[: max(20, width * 4)])
    yield Text()
    for advice in wording.OUTCOME_ADVICE[judgement.outcome]:
        yield line("- ", advice)
