"""The time axis of a picture: seconds to pixels, with long silences folded away.

A stall of five seconds beside a burst of two milliseconds is the ordinary case here, so the axis
stays linear where something happens and shows a break where nothing does.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from acidtest.grader.reports.wording import duration

_SILENCE = 0.3
"""A silence longer than this share of the whole span is folded."""
_FOLD_WIDTH = 46.0
_MIN_STRETCH = 40.0
"""Pixels that even the shortest stretch between two folds gets."""
_TICKS = 8


class Stretch(NamedTuple):
    """One unbroken piece of the axis."""

    begin: float
    end: float
    x: float
    width: float


class Tick(NamedTuple):
    """One mark of the axis."""

    x: float
    label: str


class Fold(NamedTuple):
    """A silence that was folded away."""

    x: float
    width: float
    label: str


class Scale(NamedTuple):
    """A finished axis."""

    stretches: tuple[Stretch, ...]
    ticks: tuple[Tick, ...]
    folds: tuple[Fold, ...]

    def x(self, at: float) -> float:
        """The pixel of `at`; a time inside a fold lands on its edge."""
        found = self.stretches[0]
        for stretch in self.stretches:
            if at >= stretch.begin:
                found = stretch
        span = found.end - found.begin
        share = min(1.0, max(0.0, (at - found.begin) / span)) if span > 0 else 0.0
        return found.x + share * found.width


def fit(intervals: Iterable[tuple[float, float]], *, left: float, right: float) -> Scale:
    """Return the axis that shows `intervals` (begin, end) between the pixels `left` and `right`."""
    busy = _fold(_merge(intervals))
    room = right - left - _FOLD_WIDTH * (len(busy) - 1)
    active = sum(end - begin for begin, end in busy)
    spare = max(0.0, room - _MIN_STRETCH * len(busy))
    stretches: list[Stretch] = []
    folds: list[Fold] = []
    x = left
    for begin, end in busy:
        if stretches:
            silence = begin - stretches[-1].end
            folds.append(Fold(x, _FOLD_WIDTH, duration(silence)))
            x += _FOLD_WIDTH
        width = _MIN_STRETCH + (spare * (end - begin) / active if active > 0 else 0.0)
        stretches.append(Stretch(begin, end, x, width))
        x += width
    return Scale(tuple(stretches), tuple(_ticks(stretches)), tuple(folds))


def _merge(intervals: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    merged: list[tuple[float, float]] = []
    for begin, end in sorted(intervals):
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, max(begin, end)))
    return merged


def _fold(busy: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Join the pieces again whose silence is too short to be worth a fold."""
    span = busy[-1][1] - busy[0][0]
    joined = [busy[0]]
    for begin, end in busy[1:]:
        if begin - joined[-1][1] > span * _SILENCE:
            joined.append((begin, end))
        else:
            joined[-1] = (joined[-1][0], end)
    return joined


def _ticks(stretches: Sequence[Stretch]) -> Iterator[Tick]:
    origin = stretches[0].begin
    widest = max(stretches, key=lambda stretch: stretch.width)
    step = _step((widest.end - widest.begin) / _TICKS)
    for stretch in stretches:
        yield Tick(stretch.x, _label(stretch.begin - origin))
        last = stretch.x
        number = int((stretch.begin - origin) / step) + 1
        while step > 0 and (at := origin + number * step) <= stretch.end:
            x = stretch.x + (at - stretch.begin) / (stretch.end - stretch.begin) * stretch.width
            if x - last >= widest.width / _TICKS / 2:
                yield Tick(x, _label(number * step))
                last = x
            number += 1


def _step(wanted: float) -> float:
    """The round number of seconds next above `wanted`."""
    power = 1e-6
    while power < wanted:
        for factor in (1, 2, 5):
            if power * factor >= wanted:
                return power * factor
        power *= 10
    return power


def _label(seconds: float) -> str:
    return "0" if seconds < 1e-6 else duration(seconds)  # noqa: PLR2004 - below what is measured
