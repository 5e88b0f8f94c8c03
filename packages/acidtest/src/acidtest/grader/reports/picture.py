"""The timeline of a finding as geometry: lanes, bars, marks and an axis, all in pixels.

A template draws it. The table beside it carries the same moments as text, so the picture may
leave out what would not fit, as long as it says how much.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from acidtest.core.evidence import (
    FaultMark,
    HttpExchange,
    LogLine,
    Moment,
    Note,
    RedisCommand,
    SqlStatement,
)
from acidtest.grader.reports import scale
from acidtest.grader.reports.inert import one_line
from acidtest.grader.reports.moments import brief, sentence

WIDTH = 960
_LEFT, _RIGHT = 8.0, 952.0
_BAR, _ROW, _HEAD, _GAP = 15.0, 19.0, 20.0, 10.0
_AXIS = 26.0
_GLYPH = 6.3
"""Width of one monospaced character at the label's size."""
_MIN_BAR = 3.0
_MAX_ROWS = 7
_MAX_LABELLED = 14
"""A fuller lane shows its rhythm instead of its words."""
_MAX_LABELLED_LOGS = 5
"""Log lines begin alike, so that many of them side by side say nothing."""
_MAX_REPLICAS = 4
_LABEL_LIMIT = 44
_TITLE_LIMIT = 300
_MAX_MOMENTS = 400


class Bar(NamedTuple):
    """One moment as a box, with its words inside, right or left of it."""

    x: float
    y: float
    width: float
    look: str
    label: str
    label_x: float
    anchor: str
    title: str


class Lane(NamedTuple):
    """One kind of moment of one replica."""

    title: str
    y: float
    bars: tuple[Bar, ...]
    rule: float
    """The line below it."""
    left_out: int


class Picture(NamedTuple):
    """A finished picture."""

    height: float
    lanes: tuple[Lane, ...]
    faults: tuple[float, ...]
    """Where the judge did something, as lines across all lanes."""
    scale: scale.Scale
    axis: float


def draw(timeline: Sequence[Moment]) -> Picture | None:
    """Return the picture of `timeline`, or None where there is too little to see."""
    shown = sorted(timeline, key=lambda moment: moment.at)[:_MAX_MOMENTS]
    if len([moment for moment in shown if not isinstance(moment, Note)]) < 2:  # noqa: PLR2004 - one moment is no line
        return None
    axis = scale.fit(
        ((m.at, m.at + _seconds(m)) for m in shown), left=_LEFT, right=_RIGHT - 2 * _LEFT
    )
    lanes: list[Lane] = []
    y = 4.0
    for title, moments in _sorted_into_lanes(shown):
        lane = _lane(title, moments, top=y, x=axis.x)
        lanes.append(lane)
        y = lane.rule + _GAP / 2
    faults = tuple(axis.x(m.at) for m in shown if isinstance(m, FaultMark))
    return Picture(y + _AXIS, tuple(lanes), faults, axis, y)


def _seconds(moment: Moment) -> float:
    if isinstance(moment, HttpExchange | SqlStatement | RedisCommand):
        return max(0.0, moment.seconds or 0.0)
    return 0.0


def _sorted_into_lanes(moments: Iterable[Moment]) -> list[tuple[str, list[Moment]]]:
    kinds: tuple[tuple[str, tuple[type, ...]], ...] = (
        ("What the judge did", (FaultMark, Note)),
        ("Requests", (HttpExchange,)),
        ("SQL", (SqlStatement,)),
        ("Redis", (RedisCommand,)),
        ("Log", (LogLine,)),
    )
    moments = list(moments)
    known = sorted({_replica(moment) for moment in moments} - {""})[:_MAX_REPLICAS]
    lanes: list[tuple[str, list[Moment]]] = []
    for title, types in kinds:
        inside = [moment for moment in moments if isinstance(moment, types)]
        for replica in [*known, ""]:
            rows = [m for m in inside if (_replica(m) if _replica(m) in known else "") == replica]
            if rows:
                lanes.append(
                    (f"{title} · {one_line(replica, limit=40)}" if replica else title, rows)
                )
    return lanes


def _replica(moment: Moment) -> str:
    return "" if isinstance(moment, FaultMark | Note) else moment.replica


def _lane(
    title: str, moments: Sequence[Moment], *, top: float, x: Callable[[float], float]
) -> Lane:
    most = _MAX_LABELLED_LOGS if isinstance(moments[0], LogLine) else _MAX_LABELLED
    labelled = len(moments) <= most
    free: list[float] = []
    bars: list[Bar] = []
    for moment in moments:
        box = _box(moment, labelled=labelled, x=x)
        begin = min(box.x, box.label_x - _text_width(box.label) * (box.anchor == "end"))
        end = max(box.x + box.width, box.label_x + _text_width(box.label) * (box.anchor != "end"))
        row = next((r for r, until in enumerate(free) if until <= begin), len(free))
        if not labelled and not _seconds(moment):
            # Marks without words or length may cover each other: their number is in the title.
            row, end = 0, max([end, *free[:1]])
        if row >= _MAX_ROWS:
            continue
        free[row:] = [end + 4 if labelled else end + 0.5, *free[row + 1 :]]
        bars.append(box._replace(y=top + _HEAD + row * _ROW))
    rule = top + _HEAD + len(free) * _ROW + _GAP / 2
    return Lane(
        title if labelled else f"{title} · {len(moments)}",
        top + 12,
        tuple(bars),
        rule,
        len(moments) - len(bars),
    )


def _box(moment: Moment, *, labelled: bool, x: Callable[[float], float]) -> Bar:
    begin = x(moment.at)
    width = max(_MIN_BAR, x(moment.at + _seconds(moment)) - begin)
    label = brief(moment, limit=_LABEL_LIMIT) if labelled else ""
    place, anchor = begin + width + 4, "start"
    if width >= _text_width(label) + 8:
        place, anchor = begin + 5, "in"
    elif place + _text_width(label) > _RIGHT:
        place, anchor = begin - 4, "end"
    return Bar(
        x=begin,
        y=0.0,
        width=width,
        look=_look(moment),
        label=label,
        label_x=place,
        anchor=anchor,
        title=one_line(sentence(moment), limit=_TITLE_LIMIT),
    )


def _text_width(text: str) -> float:
    return len(text) * _GLYPH


def _look(moment: Moment) -> str:
    """The CSS class that colours `moment`."""
    if isinstance(moment, HttpExchange):
        return "http bad" if moment.status is None or moment.status >= 500 else "http"  # noqa: PLR2004 - server errors
    if isinstance(moment, SqlStatement):
        return "sql bad" if moment.error else "sql"
    if isinstance(moment, RedisCommand):
        return "redis miss" if moment.hit is False else "redis"
    return moment.type
