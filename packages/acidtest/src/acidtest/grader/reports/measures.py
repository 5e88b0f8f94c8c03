"""What was measured of several submissions, so that the same figure can be seen side by side."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from acidtest.core.judgement import Judgement

MOST = 40
"""Figures of one comparison."""

SHOWN = ("50", "95", "99", "100")
"""Percentiles of a load, of which the last is the slowest answer."""

_LEFT, _RIGHT = 40.0, 700.0
_ROW = 26.0
_TOP = 24.0
_LEAST_MS = 0.1
_SECOND = 1_000


class Spread(NamedTuple):
    """How long the answers of one submission took under one load, drawn on the common axis."""

    letter: str
    y: float
    milliseconds: tuple[float, ...]
    """As `SHOWN`."""
    x: tuple[float, ...]
    """The pixel of each."""


class Tick(NamedTuple):
    """One mark of the axis."""

    x: float
    label: str


class Measure(NamedTuple):
    """One figure in the order of the columns."""

    name: str
    values: tuple[float | None, ...]
    """None where it was not measured; of a load, the milliseconds at its 95th percentile."""
    spreads: tuple[Spread, ...] = ()
    """For a load, the distribution of each submission that has one."""
    ticks: tuple[Tick, ...] = ()
    height: float = 0.0


def measures(judgements: Sequence[Judgement]) -> tuple[Measure, ...]:
    """Return the loads, then the figures that stages counted, that at least one of them has."""
    loads = [dict(_loads(judgement)) for judgement in judgements]
    names = dict.fromkeys(name for one in loads for name in one)
    drawn = [_load(name, [one.get(name) for one in loads]) for name in names]
    counted = [dict(_figures(judgement)) for judgement in judgements]
    names = dict.fromkeys(name for one in counted for name in one)
    plain = [Measure(name, tuple(one.get(name) for one in counted)) for name in names]
    return (*drawn, *plain)[:MOST]


def _loads(judgement: Judgement) -> Iterator[tuple[str, Mapping[str, float]]]:
    for result in judgement.results:
        for number, record in enumerate(result.evidence.loads if result.evidence else (), 1):
            again = f" {number}" if number > 1 else ""
            if all(math.isfinite(record.percentiles.get(key, math.nan)) for key in SHOWN):
                yield f"{result.check}: {record.name}{again}", record.percentiles


def _figures(judgement: Judgement) -> Iterator[tuple[str, float]]:
    for mark in judgement.marks:
        for name, value in mark.figures.items():
            if math.isfinite(value):
                yield f"{mark.criterion}: {name}", value


def _load(name: str, columns: Sequence[Mapping[str, float] | None]) -> Measure:
    told = [(number, one) for number, one in enumerate(columns) if one is not None]
    times = [max(_LEAST_MS, one[key]) for _, one in told for key in SHOWN]
    low = math.floor(math.log10(min(times)))
    high = max(low + 1, math.ceil(math.log10(max(times))))

    def x(milliseconds: float) -> float:
        # Submissions may be a hundred times apart, so the axis is one of proportions.
        share = (math.log10(max(_LEAST_MS, milliseconds)) - low) / (high - low)
        return round(_LEFT + share * (_RIGHT - _LEFT), 1)

    spreads = tuple(
        Spread(
            letter=chr(ord("A") + number),
            y=_TOP + row * _ROW,
            milliseconds=tuple(one[key] for key in SHOWN),
            x=tuple(x(one[key]) for key in SHOWN),
        )
        for row, (number, one) in enumerate(told)
    )
    return Measure(
        name=name,
        values=tuple(None if one is None else one["95"] for one in columns),
        spreads=spreads,
        ticks=tuple(Tick(x(10.0**n), _label(10.0**n)) for n in range(low, high + 1)),
        height=_TOP + len(told) * _ROW + 18,
    )


def _label(milliseconds: float) -> str:
    return f"{milliseconds:g} ms" if milliseconds < _SECOND else f"{milliseconds / _SECOND:g} s"
