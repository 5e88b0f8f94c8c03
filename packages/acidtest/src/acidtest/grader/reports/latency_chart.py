"""A load as geometry: percentiles over time on a logarithmic axis, failures below, faults across.

A template draws it. The tables beside it carry the same figures as text, so that nobody needs to
see the picture to know what it says.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from acidtest.core.evidence import LatencySlot, LoadRecord
from acidtest.grader.reports.inert import one_line
from acidtest.grader.reports.scale import Tick
from acidtest.grader.reports.wording import duration, plural

WIDTH = 960
_LEFT, _RIGHT = 62.0, 944.0
_TOP, _FLOOR = 22.0, 202.0
_FAILED_TOP, _FAILED_FLOOR = 214.0, 238.0
HEIGHT = 268.0
_LEAST_MS = 0.1
_STEPS = (1.0, 2.0, 5.0)
_MAX_TICKS = 8
_MAX_ROWS = 24
"""Rows of the table of stretches; more are joined."""
_MAX_MARK = 60


class Line(NamedTuple):
    """One percentile over time."""

    look: str
    label: str
    points: str
    """As SVG writes them."""
    label_y: float


class Bar(NamedTuple):
    """The failures of one stretch."""

    x: float
    y: float
    width: float
    height: float
    title: str


class Mark(NamedTuple):
    """Something the judge did, as a line across."""

    x: float
    label: str
    anchor: str
    y: float


class Chart(NamedTuple):
    """A finished picture with its figures as text."""

    title: str
    sentence: str
    lines: tuple[Line, ...]
    rows: tuple[Tick, ...]
    """Marks of the upright axis; `x` is their height."""
    ticks: tuple[Tick, ...]
    bars: tuple[Bar, ...]
    marks: tuple[Mark, ...]
    limit: float | None
    """Height of the objective's limit."""
    figures: tuple[tuple[str, str], ...]
    kinds: tuple[tuple[str, ...], ...]
    table: tuple[tuple[str, ...], ...]


KIND_HEAD = ("request", "sent", "failed", "statuses", "p50", "p95", "p99")
TABLE_HEAD = ("from", "requests", "failed", "p50", "p95", "p99", "slowest")


def draw(record: LoadRecord) -> Chart:
    """Return the picture of `record`."""
    height = _upright(record)
    return Chart(
        title=record.name,
        sentence=_sentence(record),
        lines=_lines(record, height),
        rows=tuple(Tick(height(value), duration(value / 1000)) for value in height.steps),
        ticks=tuple(_ticks(record)),
        bars=tuple(_bars(record)),
        marks=tuple(_marks(record)),
        limit=height(record.limit) if record.limit is not None else None,
        figures=tuple(_figures(record)),
        kinds=tuple(_kinds(record)),
        table=tuple(_table(record.slots)),
    )


class _Upright:
    """Milliseconds to pixels, logarithmically."""

    def __init__(self, least: float, most: float) -> None:
        self._low = math.log10(least)
        self._span = math.log10(most) - self._low
        every = [10.0**power * step for power in range(-2, 6) for step in _STEPS]
        inside = [value for value in every if least <= value <= most]
        tens = [value for value in inside if math.log10(value).is_integer()]
        self.steps = inside if len(inside) <= _MAX_TICKS else tens

    def __call__(self, value: float) -> float:
        share = (math.log10(max(value, _LEAST_MS)) - self._low) / self._span
        return _FLOOR - min(1.0, max(0.0, share)) * (_FLOOR - _TOP)


def _upright(record: LoadRecord) -> _Upright:
    values = [slot.p50 for slot in record.slots if slot.p50] + [record.limit or 1.0]
    highest = max([slot.p99 for slot in record.slots] + [record.limit or 1.0])
    least = max(_LEAST_MS, min(values) / 1.5)
    return _Upright(least, max(highest * 1.25, least * 10))


def _x(record: LoadRecord, at: float) -> float:
    share = (at - record.at) / record.seconds
    return _LEFT + min(1.0, max(0.0, share)) * (_RIGHT - _LEFT)


def _lines(record: LoadRecord, height: _Upright) -> tuple[Line, ...]:
    lines: list[Line] = []
    for look in ("p50", "p95", "p99"):
        places = [
            (_x(record, slot.at + slot.seconds / 2), height(float(getattr(slot, look))))
            for slot in record.slots
        ]
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        label_y = places[-1][1] - 4 if places else _FLOOR
        if lines:
            label_y = min(label_y, lines[-1].label_y - 11)
        lines.append(Line(look, look, points, round(max(10.0, label_y), 1)))
    return tuple(lines)


def _ticks(record: LoadRecord) -> list[Tick]:
    step = next(
        (
            s
            for s in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120)
            if record.seconds / s <= _MAX_TICKS
        ),
        record.seconds,
    )
    count = int(record.seconds / step + 1e-9)
    return [
        Tick(_x(record, record.at + number * step), duration(number * step) if number else "0")
        for number in range(count + 1)
    ]


def _bars(record: LoadRecord) -> list[Bar]:
    bars = []
    for slot in record.slots:
        if slot.failed:
            share = slot.failed / max(1, slot.requests)
            high = max(3.0, share * (_FAILED_FLOOR - _FAILED_TOP))
            begin, end = _x(record, slot.at), _x(record, slot.at + slot.seconds)
            title = f"{slot.failed} of {plural(slot.requests, 'request')} failed"
            bars.append(Bar(begin, _FAILED_FLOOR - high, max(2.0, end - begin), high, title))
    return bars


def _marks(record: LoadRecord) -> list[Mark]:
    marks: list[Mark] = []
    for number, mark in enumerate(record.marks):
        x = _x(record, mark.at)
        label = one_line(f"{mark.target}: {mark.text}", limit=_MAX_MARK)
        anchor = "end" if x > (_LEFT + _RIGHT) / 2 else "start"
        marks.append(Mark(x, label, anchor, _TOP - 10 + (number % 3) * 11))
    return marks


def _sentence(record: LoadRecord) -> str:
    within = ""
    if record.limit is not None and record.percentile is not None:
        within = f" Asked for: {record.percentile:g} % within {duration(record.limit / 1000)}" + (
            f", failures at most {record.error_share:.2%}." if record.error_share else "."
        )
    return (
        f"{record.achieved:.0f} requests per second for {duration(record.seconds)}:"
        f" half were answered within {_ms(record, '50')}, 95 % within {_ms(record, '95')},"
        f" 99 % within {_ms(record, '99')}; {record.failed} of {record.requests} failed.{within}"
    )


def _ms(record: LoadRecord, level: str) -> str:
    return duration(record.percentiles.get(level, 0.0) / 1000)


def _figures(record: LoadRecord) -> list[tuple[str, str]]:
    levels = ", ".join(
        f"{level} % {duration(value / 1000)}" for level, value in record.percentiles.items()
    )
    late = {level: duration(value / 1000) for level, value in record.lateness.items()}
    shed = f", {record.shed} shed" if record.shed else ""
    busy = f"{record.busy:.0%}, of which others {record.foreign:.0%}"
    rows = [
        ("asked and sent", f"{record.asked:.5g} and {record.achieved:.5g} requests per second"),
        ("requests", f"{record.requests}: {record.good} good, {record.failed} failed{shed}"),
        ("answered within", levels),
        ("the judge was late by", f"half {late['50']}, 99 % at most {late['99']}"),
        ("the machine was busy", busy),
        ("something waited for a processor", f"{record.pressure:.0%} of the time"),
    ]
    rows += [(name, f"{value:g}") for name, value in record.figures.items()]
    rows += [(f"failed: {reason}", str(count)) for reason, count in record.failures.items()]
    rows += [("the judge did", f"{_after(record, mark.at)}: {mark.target}: {mark.text}")
             for mark in record.marks]  # fmt: skip
    rows += [("a reason to doubt", doubt) for doubt in record.doubts]
    return rows


def _after(record: LoadRecord, at: float) -> str:
    return f"after {duration(at - record.at)}" if at > record.at else "before it was measured"


def _kinds(record: LoadRecord) -> list[tuple[str, ...]]:
    return [
        (
            kind.name,
            str(kind.requests),
            str(kind.failed),
            ", ".join(f"{count} of {status}" for status, count in kind.statuses.items()),
            *(duration(value / 1000) for value in (kind.p50, kind.p95, kind.p99)),
        )
        for kind in record.by_request
    ]


def _table(slots: Sequence[LatencySlot]) -> list[tuple[str, ...]]:
    """Stretches as rows; where many are joined, a percentile is the worst of them."""
    size = max(1, math.ceil(len(slots) / _MAX_ROWS))
    rows: list[tuple[str, ...]] = []
    for first in range(0, len(slots), size):
        inside = slots[first : first + size]
        rows.append(
            (
                duration(inside[0].at - slots[0].at) if first else "0",
                str(sum(slot.requests for slot in inside)),
                str(sum(slot.failed for slot in inside)),
                *(
                    duration(max(getattr(slot, name) for slot in inside) / 1000)
                    for name in ("p50", "p95", "p99", "worst")
                ),
            )
        )
    return rows
