"""What GitHub shows of a run: the summary of a job, and annotations at lines of a pull request.

Both are read by a machine before a person sees them. In the summary all that may come from a
submission stands in code spans, where Markdown, HTML, links and mentions are dead; in an annotation
it can neither end its line nor begin another command.
"""

import re
from collections.abc import Iterable, Iterator

from acidtest.core.assessment import AreaScore, Assessment
from acidtest.core.finding import Severity
from acidtest.core.judgement import Judgement, Outcome
from acidtest.grader.reports import wording
from acidtest.grader.reports.digest import digest, group_points
from acidtest.grader.reports.inert import one_line
from acidtest.grader.reports.losses import Loss, in_short, losses, total

MOST_ROWS = 25
"""Findings in a summary; a page of them is read by nobody."""
MOST_OF_A_LEVEL = 10
"""Annotations of one level; GitHub shows no more of a step."""

_MESSAGE = 300
_LOG = 40
_PUNCTUATION = re.compile(r"([\\`*_\[\]#!|~@])")
_FENCES = re.compile(r"`+")
_LEVELS = {
    Severity.CRITICAL: "error",
    Severity.MAJOR: "error",
    Severity.MINOR: "warning",
    Severity.NOTE: "notice",
}


def render_summary(judgement: Judgement) -> str:
    """Return `judgement` as the Markdown of a job summary."""
    parts = [*_head(judgement)]
    if judgement.outcome is Outcome.JUDGED:
        parts += [*_table(judgement), *_rows(judgement), *_untold(judgement)]
    else:
        lines = judgement.log.splitlines()[-_LOG:]
        if lines:
            parts += ["### The end of the log", "\\\n".join(_code(line) for line in lines if line)]
        if judgement.findings and judgement.outcome is not Outcome.VOID:
            parts += _rows(judgement, "Read in its files")
    return "\n\n".join(part for part in parts if part) + "\n"


def render_annotations(judgement: Judgement, *, folder: str = "") -> str:
    """Return `judgement` as workflow commands, one a line, the dearest first.

    Args:
        judgement: what is told.
        folder: where the submission lies in its repository, which places are relative to.
    """
    lines: dict[str, list[str]] = {level: [] for level in _LEVELS.values()}
    if judgement.outcome is not Outcome.JUDGED:
        headline = wording.OUTCOME_HEADLINES[judgement.outcome]
        said = judgement.message or headline
        lines["error"].append(_command("error", {"title": headline}, said))
    if judgement.outcome is not Outcome.VOID:
        for loss in losses(judgement):
            of_level = lines[_LEVELS[loss.severity]]
            if not loss.silenced and len(of_level) < MOST_OF_A_LEVEL:
                of_level.append(_annotation(judgement, loss, folder))
    return "".join(line for of_level in lines.values() for line in of_level)


def _head(judgement: Judgement) -> Iterator[str]:
    title = _text(judgement.problem.title)
    if judgement.outcome is not Outcome.JUDGED:
        yield f"## {title}: {_text(wording.OUTCOME_HEADLINES[judgement.outcome])}"
        yield _code(judgement.submission.label)
        yield _text(wording.OUTCOME_MEANINGS[judgement.outcome])
        yield _code(judgement.message)
        return
    points = total(judgement)
    told = "no total" if points is None else f"{wording.points(points)} of 100"
    level = judgement.assessment.level if judgement.assessment else None
    yield f"## {title}: {told}" + (f", level {level} of 5" if level else "")
    commit = judgement.submission.commit
    yield _code(judgement.submission.label) + (f" at {_code(commit[:12])}" if commit else "")
    yield _text(in_short(judgement))
    if points is None and judgement.assessment is None:
        yield _text(wording.only_some(judgement) or wording.no_score(judgement))
    if not judgement.options.isolated:
        yield _text(wording.UNISOLATED)


def _table(judgement: Judgement) -> Iterator[str]:
    if judgement.options.only:
        return
    if judgement.assessment is None:
        rows = [
            f"| {_text(group.title)} | {wording.earned(group)} of {group.possible:.1f} |"
            for group in group_points(judgement.score)
        ]
        yield "\n".join(["| group | points |", "|---|---:|", *rows])
        return
    rows = [_area(area) for area in judgement.assessment.areas]
    yield "\n".join(["| area | points | level |", "|---|---:|---:|", *rows])
    yield from _bounds(judgement.assessment)


def _area(area: AreaScore) -> str:
    if not area.possible:
        return f"| {_text(area.title)} | not assessed | |"
    told = f"{wording.of_area(area.earned, area.possible)} of {area.possible:.1f}"
    partly = ", in part" if area.unassessed else ""
    return f"| {_text(area.title)} | {told}{partly} | {area.level or ''} |"


def _bounds(assessment: Assessment) -> Iterator[str]:
    if assessment.ceiling is not None:
        bound = wording.points(assessment.ceiling.points)
        yield f"Bounded at {bound}: {_text(assessment.ceiling.reason)}"
    if assessment.stop is not None:
        title = next(a.title for a in assessment.areas if a.name == assessment.stop.area)
        yield f"To correct before anything else: {_text(title)}"
    if assessment.assessed < 1:
        yield f"{round(100 * assessment.assessed)} % of the weight could be assessed."


def _rows(judgement: Judgement, title: str = "What to mend first") -> Iterator[str]:
    told = [loss for loss in losses(judgement) if not loss.silenced]
    if not told:
        yield "Nothing was found that costs a point."
        return
    yield f"### {title}"
    yield "\n".join(_row(loss) for loss in told[:MOST_ROWS])
    if len(told) > MOST_ROWS:
        yield f"And {len(told) - MOST_ROWS} more, in the report."
    failed = next((loss for loss in told if loss.row), None)
    if failed:
        yield f"See a check again: {_code(wording.replay_command(judgement, failed.id))}"


def _row(loss: Loss) -> str:
    price = f"-{wording.cost(loss.cost)}" if loss.cost else loss.severity.value
    if loss.row:
        return f"- **{price}** {_text(loss.row.info.title)} {_code(loss.message)}"
    where = f"{_code(wording.place(loss.place))} " if loss.place else ""
    return f"- **{price}** {where}{_code(loss.message)}"


def _untold(judgement: Judgement) -> Iterator[str]:
    rows = digest(judgement).untold
    if rows:
        yield "### Nobody could tell"
        shown = [f"- {_text(row.info.title)} {_code(row.result.message)}" for row in rows]
        yield "\n".join(shown[:MOST_ROWS])


def _annotation(judgement: Judgement, loss: Loss, folder: str) -> str:
    about: dict[str, str] = {}
    if loss.place is not None and loss.place.commit is None:
        about["file"] = "/".join(part for part in (folder.strip("/"), loss.place.file) if part)
        if loss.place.line:
            about["line"] = str(loss.place.line)
            about["endLine"] = str(loss.place.end_line or loss.place.line)
    if loss.row:
        about["title"] = f"{loss.row.info.requirement} {loss.row.info.title}"
        again = wording.replay_command(judgement, loss.id)
        return _command(_LEVELS[loss.severity], about, f"{loss.message} See it again: {again}")
    about["title"] = loss.rule
    why = f". {loss.finding.why}" if loss.finding and loss.finding.why else ""
    return _command(_LEVELS[loss.severity], about, f"{loss.message.rstrip('.')}{why}")


def _command(level: str, about: dict[str, str], message: str) -> str:
    properties = ",".join(f"{name}={_property(value)}" for name, value in about.items())
    return f"::{level} {properties}::{_data(message)}\n"


def _data(text: str) -> str:
    # The older form of a command is looked for anywhere in a line.
    shown = one_line(text, limit=2 * _MESSAGE).replace("##[", "## [")
    return _encoded(shown, "%\r\n")


def _property(text: str) -> str:
    shown = one_line(text, limit=_MESSAGE).replace("##[", "## [")
    return _encoded(shown, "%\r\n:,")


def _encoded(text: str, unsafe: Iterable[str]) -> str:
    return "".join(f"%{ord(c):02X}" if c in unsafe else c for c in text)


def _text(text: str) -> str:
    """Our own words, in which nothing is Markdown."""
    shown = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _PUNCTUATION.sub(r"\\\1", one_line(shown))


def _code(text: str) -> str:
    """Anybody's words in a code span, which ends where we say."""
    shown = one_line(text, limit=_MESSAGE).strip()
    if not shown:
        return ""
    longest = max((len(fence) for fence in _FENCES.findall(shown)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{pad}{shown}{pad}{fence}"
