"""Latency histograms: the only place that knows the HdrHistogram library and its units.

Three significant digits from a microsecond to an hour, so that percentiles are within a
thousandth of the truth however long a load lasts.
"""

from collections.abc import Iterable

from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]  # it ships no types

LEVELS = (50.0, 90.0, 95.0, 99.0, 99.9, 100.0)
"""The percentiles that are told."""
_MOST = 3_600_000_000
_MICRO = 1_000_000.0


class Latencies:
    """Times in seconds go in, percentiles in milliseconds come out."""

    def __init__(self, seconds: Iterable[float] = ()) -> None:
        self._histogram = HdrHistogram(1, _MOST, 3)
        for value in seconds:
            self.add(value)

    def __len__(self) -> int:
        return int(self._histogram.get_total_count())

    def add(self, seconds: float) -> None:
        """Count one; less than nothing counts as nothing, more than an hour as an hour."""
        self._histogram.record_value(min(_MOST, max(0, round(seconds * _MICRO))))

    def percentile(self, level: float) -> float:
        """Milliseconds within which `level` percent lie; 0 when nothing was counted."""
        return self.percentiles((level,))[label(level)]

    def percentiles(self, levels: Iterable[float] = LEVELS) -> dict[str, float]:
        """Milliseconds by percentile, as `label` writes it."""
        wanted = tuple(levels)
        if not len(self):
            return {label(level): 0.0 for level in wanted}
        found = self._histogram.get_percentile_to_value_dict(list(wanted))
        return {label(level): round(found[level] / 1000.0, 3) for level in wanted}

    def encoded(self) -> str:
        """The histogram as other tools read it: V2, compressed, base64; values in microseconds."""
        return str(self._histogram.encode().decode("ascii"))


def label(level: float) -> str:
    """A percentile as a key: `95`, `99.9`."""
    return f"{level:g}"
