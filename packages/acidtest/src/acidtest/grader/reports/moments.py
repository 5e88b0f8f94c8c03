"""One moment of evidence in words: a label for a picture, a sentence and a row for a table."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from acidtest.core.evidence import (
    HttpExchange,
    LogLine,
    Moment,
    RedisCommand,
    SqlStatement,
    clip,
)
from acidtest.grader.reports.inert import one_line
from acidtest.grader.reports.wording import duration, plural

_CELL = 600
"""Characters of one cell; the whole text is in judgement.json."""
_KINDS = {
    "http": "request",
    "sql": "SQL",
    "redis": "Redis",
    "log": "log",
    "fault": "judge",
    "note": "note",
}
_REPEATS = 5
"""From here on the same statement again is a pattern worth a table."""


class TimelineRow(NamedTuple):
    """One moment as a row of text."""

    at: str
    kind: str
    look: str
    replica: str
    what: str
    outcome: str
    took: str


def brief(moment: Moment, *, limit: int) -> str:
    """The fewest words that still name `moment`, on one line, at most `limit` characters."""
    text = one_line(" ".join(_brief(moment).split()))
    return text if len(text) <= limit else text[: limit - 1] + "…"


def sentence(moment: Moment) -> str:
    """`moment` with all that is known of it."""
    row = _parts(moment)
    return " · ".join(part for part in row if part)


def rows(timeline: Sequence[Moment], *, limit: int) -> list[TimelineRow]:
    """The first `limit` moments of `timeline` in the order they happened."""
    ordered = sorted(timeline, key=lambda moment: moment.at)
    origin = ordered[0].at if ordered else 0.0
    table: list[TimelineRow] = []
    for moment in ordered[:limit]:
        what, outcome = _parts(moment)
        took = getattr(moment, "seconds", None)
        table.append(
            TimelineRow(
                at=f"+{duration(moment.at - origin)}",
                kind=_KINDS[moment.type],
                look=moment.type,
                replica=clip(getattr(moment, "replica", ""), 30),
                what=clip(what, _CELL),
                outcome=clip(outcome, _CELL),
                took=duration(took) if took is not None else "",
            )
        )
    return table


def repeated_statements(timeline: Sequence[Moment]) -> list[tuple[int, str]]:
    """Statements sent far more often than there were requests, the most frequent first."""
    requests = sum(isinstance(moment, HttpExchange) for moment in timeline)
    least = max(_REPEATS, 2 * requests + 1)
    counts = Counter(moment.text for moment in timeline if isinstance(moment, SqlStatement))
    return [(count, clip(text, _CELL)) for text, count in counts.most_common(5) if count >= least]


def answer(exchange: HttpExchange) -> str:
    """What came back for `exchange`, without its time."""
    by = f" from {exchange.replica}" if exchange.replica else ""
    if exchange.status is None:
        return f"no answer{by}" + (f": {exchange.error}" if exchange.error else "")
    return f"{exchange.status}{by}"


def _brief(moment: Moment) -> str:
    if isinstance(moment, HttpExchange):
        return f"{moment.method} {_path(moment.url)} → {moment.status or 'no answer'}"
    if isinstance(moment, SqlStatement):
        return moment.text if not moment.error else f"refused: {moment.text}"
    if isinstance(moment, RedisCommand):
        told = {True: " → hit", False: " → miss", None: ""}[moment.hit]
        return " ".join((moment.command, *moment.arguments[:1])) + told
    return moment.text


def _parts(moment: Moment) -> tuple[str, str]:
    if isinstance(moment, HttpExchange):
        outcome = str(moment.status) if moment.status is not None else "no answer"
        return f"{moment.method} {_path(moment.url)}", " ".join(
            part for part in (outcome, moment.error or "") if part
        )
    if isinstance(moment, SqlStatement):
        values = ", ".join("NULL" if value is None else value for value in moment.parameters)
        count = plural(moment.rows, "row") if moment.rows is not None else ""
        return f"{moment.text} [{values}]" if values else moment.text, moment.error or count
    if isinstance(moment, RedisCommand):
        told = {True: "hit", False: "miss", None: ""}[moment.hit]
        outcome = ", ".join(part for part in (told, moment.reply) if part)
        return " ".join((moment.command, *moment.arguments)), outcome
    if isinstance(moment, LogLine):
        return moment.text, moment.stream
    return moment.text, ""


def _path(url: str) -> str:
    """`url` without scheme and host, which say nothing here."""
    _, separator, rest = url.partition("://")
    if not separator:
        return url
    slash = rest.find("/")
    return rest[slash:] if slash >= 0 else "/"
