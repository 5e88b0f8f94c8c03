"""When the figures of a load say more about the machine than about the service: every threshold.

Two kinds are kept apart. What made the judge late raises times counted from when a request was due,
but not those counted from when it was attended to. What took the processors away raises both.
"""

from typing import NamedTuple

from acidtest.core.evidence import LoadRecord
from acidtest.grader.load.tally import STARVED
from acidtest.grader.machine import FOREIGN_SHARE

LATE_MS = 10.0
"""Lateness at the 99th percentile; measured on idle machines: below 1 ms."""
SENT_SHARE = 0.995
"""Of the requests that were due, at least so many were sent in time."""
JUDGE_SHARE = 0.85
"""Of one processor: beyond it the judge's own proxies are what the service waits for."""
CALIBRATION_MS = 10.0
"""The trivial service's 95th percentile; on idle machines about 1 ms."""
CALIBRATION_DRIFT = 2.0
"""How much its median may differ before and after the load, either way."""


class Calibration(NamedTuple):
    """How fast the trivial service answered around the load, in ms."""

    before_p50: float
    before_p95: float
    after_p50: float
    after_p95: float


def of_sending(record: LoadRecord) -> tuple[str, ...]:
    """Why the service may not have been asked as it should have been."""
    doubts = []
    late = record.lateness["99"]
    if late > LATE_MS:
        doubts.append(f"the judge sent one request in a hundred {late:.1f} ms late or more")
    if record.achieved < SENT_SHARE * record.asked:
        share = record.achieved / record.asked
        doubts.append(f"only {share:.1%} of the requests that were due were sent in time")
    return tuple(doubts)


def of_machine(record: LoadRecord, calibration: Calibration | None) -> tuple[str, ...]:
    """Why the service may have been kept from answering."""
    doubts = []
    if starved := record.failures.get(STARVED, 0):
        doubts.append(f"the judge had no socket for {starved} requests")
    if record.foreign > FOREIGN_SHARE:
        doubts.append(f"others used {record.foreign:.0%} of the machine's processors")
    if record.judge > JUDGE_SHARE:
        doubts.append(f"the judge's own proxies used {record.judge:.0%} of a processor")
    if calibration is not None:
        doubts += _of_calibration(calibration)
    return tuple(doubts)


def _of_calibration(found: Calibration) -> list[str]:
    worst = max(found.before_p95, found.after_p95)
    if worst > CALIBRATION_MS:
        return [f"a trivial service of ours needed {worst:.1f} ms at its 95th percentile"]
    low, high = sorted((found.before_p50, found.after_p50))
    if high > CALIBRATION_DRIFT * max(low, 0.01):
        medians = f"{found.before_p50:.2f} ms before and {found.after_p50:.2f} ms after the load"
        return [f"a trivial service of ours took {medians}"]
    return []
