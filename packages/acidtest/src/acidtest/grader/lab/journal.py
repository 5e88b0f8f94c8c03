"""The journal: everything the proxies saw and the judge did, bounded, in one place.

A room of its own because proxies write here without knowing each other, and checks read here
without knowing which proxy wrote.
"""

from collections import deque
from collections.abc import Callable, Iterator
from typing import TypeVar

from acidtest.core.clock import RunClock
from acidtest.core.evidence import FaultMark, Moment, RedisCommand, SqlStatement

DEFAULT_LIMIT = 50_000
"""Moments kept; about 100 MB at the very worst, 20 MB as services really are."""

Listener = Callable[[Moment], None]
"""Takes every moment as it is written; must return at once and never raise."""

_Kind = TypeVar("_Kind", bound=Moment)
_FOREVER = float("inf")


class Journal:
    """A bounded, append-only list of moments; beyond its limit the oldest go and are counted.

    Moments are written when they end but carry the time they began, so reading sorts by `at`.
    """

    def __init__(self, clock: RunClock, *, limit: int = DEFAULT_LIMIT) -> None:
        self.clock = clock
        self.dropped = 0
        self._moments: deque[Moment] = deque()
        self._limit = limit
        self._listeners: list[Listener] = []

    def __len__(self) -> int:
        return len(self._moments)

    def append(self, moment: Moment) -> None:
        """Write one moment and tell the listeners."""
        if len(self._moments) >= self._limit:
            self._moments.popleft()
            self.dropped += 1
        self._moments.append(moment)
        for listener in tuple(self._listeners):
            listener(moment)

    def mark(self, target: str, text: str) -> FaultMark:
        """Write that the judge did something to `target` just now."""
        moment = FaultMark(at=self.clock.now(), target=target, text=text)
        self.append(moment)
        return moment

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` for every moment from now on; the returned function ends that."""
        self._listeners.append(listener)

        def stop() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return stop

    def since(self, at: float) -> tuple[Moment, ...]:
        """Every moment that began at `at` or later, in order."""
        return self.between(at, _FOREVER)

    def between(self, start: float, end: float) -> tuple[Moment, ...]:
        """Every moment that began in the half-open span from `start` to `end`, in order."""
        return tuple(self._span(start, end))

    def sql(
        self, *, since: float = 0.0, until: float = _FOREVER, replica: str | None = None
    ) -> tuple[SqlStatement, ...]:
        """The statements that began in the span, of one replica or of all."""
        return self._of(SqlStatement, since, until, replica)

    def redis(
        self, *, since: float = 0.0, until: float = _FOREVER, replica: str | None = None
    ) -> tuple[RedisCommand, ...]:
        """The Redis commands that began in the span, of one replica or of all."""
        return self._of(RedisCommand, since, until, replica)

    def faults(self, *, since: float = 0.0, until: float = _FOREVER) -> tuple[FaultMark, ...]:
        """What the judge did in the span."""
        return self._of(FaultMark, since, until, None)

    def _of(
        self, kind: type[_Kind], since: float, until: float, replica: str | None
    ) -> tuple[_Kind, ...]:
        return tuple(
            moment
            for moment in self._span(since, until)
            if isinstance(moment, kind)
            and (replica is None or getattr(moment, "replica", replica) == replica)
        )

    def _span(self, start: float, end: float) -> Iterator[Moment]:
        inside = [moment for moment in self._moments if start <= moment.at < end]
        inside.sort(key=lambda moment: moment.at)
        return iter(inside)
