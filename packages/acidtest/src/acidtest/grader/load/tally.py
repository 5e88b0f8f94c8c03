"""What became of every request of a load, in figures of fixed size, and the summary of them."""

from array import array
from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from acidtest.grader.load.latency import Latencies
from acidtest.grader.load.oracle import GOOD, SHED

LATE = "no whole answer came in time"
STARVED = "the judge had no socket to send it with"
_MAX_SLOTS = 120
_SLOTS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_MAX_EXAMPLES = 12
_MAX_EXCERPT = 300
_MAX_REASONS = 40
_GOOD, _SHED, _FAILED = 0, 1, 2


class Outcome(NamedTuple):
    """How one request ended."""

    verdict: str
    status: int = 0
    body: bytes = b""


class Tally:
    """Keeps a row of numbers for each request; `due` is counted from the load's first moment."""

    def __init__(self, names: list[str], *, warm_up: float, timeout: float) -> None:
        self.done = self.failed = 0
        self._names = names
        self._warm_up = warm_up
        self._timeout = timeout
        self._due = array("d")
        self._took = array("f")
        self._lower = array("f")
        self._late = array("f")
        self._kind = array("B")
        self._fate = array("b")
        self._failures: Counter[str] = Counter()
        self._statuses: list[Counter[int]] = [Counter() for _ in names]
        self._examples: list[dict[str, Any]] = []
        self._recent: list[float] = []

    def add(
        self, kind: int, outcome: Outcome, *, due: float, attended: float, ended: float
    ) -> None:
        """Write down a request of `kind`; times in seconds since the load began."""
        failed = outcome.verdict not in {GOOD, SHED}
        # A failure counts as the longest anybody would have waited, however soon it came.
        took = self._timeout if failed else min(self._timeout, ended - due)
        lower = self._timeout if failed else min(self._timeout, ended - attended)
        self.done += 1
        self.failed += failed
        self._due.append(due)
        self._took.append(took)
        self._lower.append(lower)
        self._late.append(max(0.0, attended - due))
        self._kind.append(kind)
        self._fate.append(_FAILED if failed else _SHED if outcome.verdict == SHED else _GOOD)
        self._recent.append(took)
        if due < self._warm_up:
            return
        if outcome.status:
            self._statuses[kind][outcome.status] += 1
        if failed:
            known = outcome.verdict in self._failures or len(self._failures) < _MAX_REASONS
            self._failures[outcome.verdict if known else "other reasons"] += 1
            self._exemplify(kind, outcome, due)

    def _exemplify(self, kind: int, outcome: Outcome, due: float) -> None:
        if len(self._examples) < _MAX_EXAMPLES:
            self._examples.append(
                {
                    "request": self._names[kind],
                    "due": round(due, 4),
                    "reason": outcome.verdict,
                    "status": outcome.status or None,
                    "body": outcome.body[:_MAX_EXCERPT].decode("utf-8", "replace"),
                }
            )

    def recent(self) -> float:
        """The 95th percentile in ms of what ended since the last question."""
        recent, self._recent = sorted(self._recent), []
        return recent[int(len(recent) * 0.95)] * 1000 if recent else 0.0

    def summary(self, seconds: float) -> dict[str, Any]:
        """Everything that is told of the measured part, `seconds` long, as plain data."""
        measured = [n for n, due in enumerate(self._due) if due >= self._warm_up]
        fates = Counter(self._fate[n] for n in measured)
        taken = [n for n in measured if self._fate[n] != _SHED]
        end = self._warm_up + seconds
        moments = (due + late for due, late in zip(self._due, self._late, strict=True))
        all_took = Latencies(self._took[n] for n in taken)
        return {
            "requests": len(measured),
            "achieved": sum(self._warm_up <= at < end for at in moments) / seconds,
            "good": fates[_GOOD],
            "shed": fates[_SHED],
            "failed": fates[_FAILED],
            "failures": dict(self._failures.most_common()),
            "percentiles": all_took.percentiles(),
            "from_sending": Latencies(self._lower[n] for n in taken).percentiles(),
            "lateness": Latencies(self._late[n] for n in measured).percentiles(),
            "by_request": [self._of_kind(kind, taken) for kind in range(len(self._names))],
            "slots": list(self._slots(measured, seconds)),
            "examples": self._examples,
            "histogram": all_took.encoded(),
        }

    def _of_kind(self, kind: int, taken: list[int]) -> dict[str, Any]:
        mine = [n for n in taken if self._kind[n] == kind]
        levels = Latencies(self._took[n] for n in mine).percentiles((50.0, 95.0, 99.0))
        return {
            "name": self._names[kind],
            "requests": len(mine),
            "failed": sum(self._fate[n] == _FAILED for n in mine),
            "statuses": {str(status): n for status, n in sorted(self._statuses[kind].items())},
            **{f"p{level}": value for level, value in levels.items()},
        }

    def _slots(self, measured: list[int], seconds: float) -> Iterable[dict[str, Any]]:
        """Figures by stretches of time; a request belongs to the one it was due in."""
        length = next((s for s in _SLOTS if seconds / s <= _MAX_SLOTS), seconds / _MAX_SLOTS)
        stretches: dict[int, list[int]] = {}
        for n in measured:
            number = int((self._due[n] - self._warm_up) / length)
            stretches.setdefault(number, []).append(n)
        for number, inside in sorted(stretches.items()):
            times = sorted(self._took[n] for n in inside if self._fate[n] != _SHED)
            yield {
                "at": self._warm_up + number * length,
                "seconds": length,
                "requests": len(inside),
                "failed": sum(self._fate[n] == _FAILED for n in inside),
                **{f"p{level}": _level(times, level) for level in (50, 95, 99)},
                "worst": _level(times, 100),
            }


def _level(ordered: list[float], level: float) -> float:
    """Milliseconds at a percentile by nearest rank; 0 where nothing was measured."""
    if not ordered:
        return 0.0
    rank = max(1, -(-len(ordered) * level // 100))
    return round(ordered[int(rank) - 1] * 1000, 3)
