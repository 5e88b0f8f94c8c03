"""What came of a load: typed figures, and what can be concluded from them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from acidtest.core.evidence import LoadRecord, clip
from acidtest.grader.load import doubt
from acidtest.grader.load.doubt import Calibration
from acidtest.grader.load.latency import label


class Conclusion(StrEnum):
    """What a load proves about its objective."""

    HOLDS = "holds"
    BROKEN = "broken"
    UNTOLD = "untold"
    """The judge or the machine was in the way."""


class Captured(NamedTuple):
    """A value that a good answer held."""

    request: str
    user: int
    """Position among the plan's users."""
    value: str


class Example(NamedTuple):
    """One of the first requests that failed; `body` is hostile text."""

    request: str
    due: float
    reason: str
    status: int | None
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadResult:
    """One load and its figures; times in ms, counted from when a request was due."""

    record: LoadRecord
    """All figures, as evidence keeps them."""
    captured: tuple[Captured, ...] = ()
    dropped: int = 0
    """Captured values beyond the plan's bound."""
    examples: tuple[Example, ...] = ()
    calibration: Calibration | None = None
    connections: int = 0
    """The most that were open at once."""
    processor: float = 0.0
    """Seconds of processor time that the generator took."""

    def at(self, percentile: float) -> float:
        """Milliseconds at one of the percentiles 50, 90, 95, 99, 99.9 and 100."""
        return self.record.percentiles[label(percentile)]

    @property
    def p50(self) -> float:
        """The median."""
        return self.at(50)

    @property
    def p95(self) -> float:
        """The 95th percentile."""
        return self.at(95)

    @property
    def p99(self) -> float:
        """The 99th percentile."""
        return self.at(99)

    @property
    def error_share(self) -> float:
        """Share of the requests that were neither answered well in time nor shed by design."""
        return self.record.failed / max(1, self.record.requests)

    @property
    def goodput(self) -> float:
        """Good answers per second."""
        return self.record.good / self.record.seconds

    def captured_by(self, request: str) -> tuple[str, ...]:
        """The values captured from answers to the request of that name, in their order."""
        return tuple(found.value for found in self.captured if found.request == request)

    def ratio_to(self, reference: "LoadResult", percentile: float = 95.0) -> float:
        """How many times as long it took as `reference`, measured in the same session."""
        return self.at(percentile) / max(reference.at(percentile), 0.001)

    def conclude(
        self, *, percentile: float, limit_ms: float, error_share: float = 0.001
    ) -> Conclusion:
        """Whether answers come within a limit.

        Times from when requests were due are at least the truth, so within the limit they prove
        it, however busy the machine was. Times from when they were attended to are at most the
        truth where nobody else took the processors, so beyond the limit they refute it.
        """
        record = self.record
        level = label(percentile)
        failing = self.error_share > error_share
        sent = record.achieved >= doubt.SENT_SHARE * record.asked
        if sent and not failing and record.percentiles[level] <= limit_ms:
            return Conclusion.HOLDS
        if doubt.of_machine(record, self.calibration):
            return Conclusion.UNTOLD
        if failing or record.from_sending[level] > limit_ms:
            return Conclusion.BROKEN
        return Conclusion.UNTOLD

    def __str__(self) -> str:
        record = self.record
        failed = f"{record.failed} of {record.requests} failed"
        if record.failures:
            reason, count = next(iter(record.failures.items()))
            failed += f" ({count}: {clip(reason, 80)})"
        return (
            f"{record.achieved:.0f} per second for {record.seconds:g} s:"
            f" p50 {self.p50:.1f} ms, p95 {self.p95:.1f} ms, p99 {self.p99:.1f} ms, {failed}"
        )
