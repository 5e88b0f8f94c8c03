"""The open loop: sends every request when it is due, whatever became of those before it.

One thread, one epoll, one timer. Between two events it looks at the clock, so that a burst of
answers makes no request late.
"""

import gc
import select
import time
from array import array
from collections import deque
from collections.abc import Callable
from typing import Any

from acidtest.grader.load.alarm import Alarm
from acidtest.grader.load.connection import Connection, Flight, LostError
from acidtest.grader.load.oracle import GOOD, Oracle
from acidtest.grader.load.plan import LoadRequest
from acidtest.grader.load.pool import Pool
from acidtest.grader.load.reading import AnswerReader
from acidtest.grader.load.shots import Magazine, Shot
from acidtest.grader.load.sockets import Stock, Target
from acidtest.grader.load.tally import LATE, STARVED, Outcome, Tally

Tell = Callable[[dict[str, Any]], None]

_EVENTS = 16
"""Answers taken in at once before the clock is looked at again."""
_TICK = 1.0
_NEVER = float("inf")
_SAFE = {"GET", "HEAD"}


class Volley:
    """One load on one service, from its first request to the last answer or its time-out."""

    def __init__(
        self,
        requests: tuple[LoadRequest, ...],
        magazine: Magazine,
        due: "array[float]",
        *,
        tally: Tally,
        timeout: float,
        max_body: int,
        captures: int,
    ) -> None:
        self.captured: list[tuple[int, int, str]] = []
        """Captured values with the number of their request and user."""
        self.dropped = 0
        """Captured values beyond the bound."""
        self._requests = requests
        self._magazine = magazine
        self._due = due
        self._tally = tally
        self._timeout = timeout
        self._max_body = max_body
        self._captures = captures
        self._oracle = Oracle(requests)
        self._began = 0.0
        self._next = 0
        self._ready: Shot | None = magazine.make()
        self._under_way: deque[Flight] = deque()
        """In the order they were due, which is the order of their deadlines."""
        self._left = 0
        self._on: dict[Flight, Connection] = {}
        self._waiting: list[deque[Flight]] = []
        """Those that found no connection, by target."""

    def fire(
        self, targets: tuple[Target, ...], stock: Stock, *, limit: int, begin: float, tell: Tell
    ) -> int:
        """Carry it out from the moment `begin` on; the most connections that were open at once.

        Args:
            targets: instances of the service, taken in turn.
            stock: where sockets come from.
            limit: most connections at once.
            begin: of the monotonic clock.
            tell: is given a few figures about once a second.
        """
        self._began = begin
        self._waiting = [deque() for _ in targets]
        alarm = Alarm()
        with select.epoll() as poll:
            pool = Pool(poll, targets, stock, limit=limit)
            poll.register(alarm.fileno(), select.EPOLLIN)
            if stock.fileno() >= 0:
                poll.register(stock.fileno(), select.EPOLLIN)
            # Nothing here refers to itself, so nothing is lost by not looking for it meanwhile.
            gc.collect()
            gc.disable()
            try:
                self._loop(poll, pool, alarm, stock, tell)
            finally:
                gc.enable()
                pool.close()
                alarm.close()
        return pool.most

    def _loop(self, poll: select.epoll, pool: Pool, alarm: Alarm, stock: Stock, tell: Tell) -> None:
        tick = self._began + _TICK
        while self._next < len(self._due) or self._left:
            self._prepare()
            alarm.set(min(tick, self._next_moment()))
            for descriptor, events in poll.poll(-1, _EVENTS):
                if descriptor == alarm.fileno():
                    alarm.quiet()
                elif descriptor == stock.fileno():
                    stock.refill()
                elif descriptor in pool:
                    self._attend(pool, pool[descriptor], events)
                self._send_due(pool)
            self._give_up_overdue(pool)
            self._serve_waiting(pool)
            if time.monotonic() >= tick:
                tick += _TICK
                pool.tidy(time.monotonic())
                tell(self._progress())

    def _progress(self) -> dict[str, Any]:
        return {
            "sent": self._next,
            "done": self._tally.done,
            "failed": self._tally.failed,
            "p95": round(self._tally.recent(), 3),
        }

    def _next_moment(self) -> float:
        """When something is due or overdue."""
        moments = [self._began + self._due[self._next]] if self._next < len(self._due) else []
        if self._under_way:
            moments.append(self._under_way[0].due + self._timeout)
        return min(moments, default=float(1 << 40))

    def _prepare(self) -> None:
        if self._ready is None and self._next < len(self._due):
            self._ready = self._magazine.make()

    def _send_due(self, pool: Pool) -> None:
        while self._next < len(self._due):
            due = self._began + self._due[self._next]
            now = time.monotonic()
            if due > now:
                return
            shot = self._ready or self._magazine.make()
            self._ready = None
            target = self._next % len(self._waiting)
            self._next += 1
            flight = Flight(shot, due=due, attended=now, target=target)
            self._under_way.append(flight)
            self._left += 1
            self._launch(pool, flight)
            self._prepare()

    def _launch(self, pool: Pool, flight: Flight) -> None:
        try:
            connection = pool.find(flight.target)
        except LostError as error:
            self._end(flight, Outcome(str(error)))
            return
        if connection is None:
            self._waiting[flight.target].append(flight)
            if pool.dry:
                flight.attended = _NEVER
            return
        if flight.attended == _NEVER:
            flight.attended = time.monotonic()
        self._put(pool, connection, flight)

    def _put(self, pool: Pool, connection: Connection, flight: Flight) -> None:
        self._on[flight] = connection
        head_only = self._requests[flight.shot.kind].method == "HEAD"
        try:
            pool.send(connection, flight, AnswerReader(head_only=head_only, most=self._max_body))
        except LostError as error:
            self._lost(pool, connection, str(error))

    def _attend(self, pool: Pool, connection: Connection, events: int) -> None:
        try:
            if events & select.EPOLLOUT and not connection.push():
                pool.written(connection)
            if not events & ~select.EPOLLOUT:
                return
            reader = connection.pull()
        except LostError as error:
            self._lost(pool, connection, str(error))
            return
        flight = connection.flight
        if reader is None or flight is None:
            return
        now = time.monotonic()
        del self._on[flight]
        pool.release(connection, at=now, keep=reader.keeps and connection.sent)
        self._answered(flight, reader, now)

    def _answered(self, flight: Flight, reader: AnswerReader, now: float) -> None:
        body = bytes(reader.body)
        finding = self._oracle.judge(flight.shot, reader.status, body)
        if finding.captured is not None and finding.verdict == GOOD:
            if len(self.captured) < self._captures:
                self.captured.append((flight.shot.kind, flight.shot.user, finding.captured))
            else:
                self.dropped += 1
        self._end(flight, Outcome(finding.verdict, reader.status, body), now)

    def _lost(self, pool: Pool, connection: Connection, reason: str) -> None:
        flight, reused = connection.flight, connection.used > 1
        again = reused and connection.untouched
        pool.drop(connection)
        if flight is None:
            return
        del self._on[flight]
        # What a server closes while idle says nothing of it: RFC 9112, section 9.3.1.
        safe = self._requests[flight.shot.kind].method in _SAFE
        if again and safe and not flight.tries:
            flight.tries = 1
            self._launch(pool, flight)
        else:
            self._end(flight, Outcome(reason))

    def _serve_waiting(self, pool: Pool) -> None:
        for waiting in self._waiting:
            for _ in range(len(waiting)):
                flight = waiting.popleft()
                if flight.over:
                    continue
                self._launch(pool, flight)
                if waiting and waiting[-1] is flight:
                    # It found none and stands at the end now; back to where it was.
                    waiting.rotate(1)
                    break

    def _give_up_overdue(self, pool: Pool) -> None:
        oldest = time.monotonic() - self._timeout
        while self._under_way and (self._under_way[0].over or self._under_way[0].due <= oldest):
            flight = self._under_way.popleft()
            if flight.over:
                continue
            connection = self._on.pop(flight, None)
            if connection is not None:
                pool.drop(connection, hard=True)
            self._end(flight, Outcome(STARVED if flight.attended == _NEVER else LATE))

    def _end(self, flight: Flight, outcome: Outcome, now: float | None = None) -> None:
        ended = time.monotonic() if now is None else now
        flight.over = True
        self._left -= 1
        self._tally.add(
            flight.shot.kind,
            outcome,
            due=flight.due - self._began,
            attended=min(flight.attended, ended) - self._began,
            ended=ended - self._began,
        )
