"""Many askers, few answers: threads share one running computation instead of each starting theirs."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")


class Flights(Generic[T]):
    """At most one computation runs and at most one waits to follow it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: Future[T] | None = None
        self._next: Future[T] | None = None

    def join(self, work: Callable[[], T]) -> T:
        """The result of the running computation, which may have begun before the call, or of a new one."""
        with self._lock:
            flight = self._running
            leads = flight is None
            if flight is None:
                flight = self._running = Future()
        if leads:
            self._fly(flight, work)
        return flight.result()

    def after(self, work: Callable[[], T]) -> T:
        """The result of a computation that begins after the call, shared by all who call meanwhile."""
        with self._lock:
            running = self._running
            leads = running is None or self._next is None
            if running is None:
                flight = self._running = Future()
            elif self._next is None:
                flight = self._next = Future()
            else:
                flight = self._next
        if leads:
            self._follow(running, flight, work)
        return flight.result()

    def _follow(self, running: Future[T] | None, flight: Future[T], work: Callable[[], T]) -> None:
        if running is not None:
            # When it fails so does this one: it failed after we asked, and we have waited long enough.
            error = running.exception()
            with self._lock:
                self._next = None
                if error is None:
                    self._running = flight
            if error is not None:
                flight.set_exception(error)
                return
        self._fly(flight, work)

    def _fly(self, flight: Future[T], work: Callable[[], T]) -> None:
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 - all who wait must hear of it
            self._landed(flight)
            flight.set_exception(error)
        else:
            self._landed(flight)
            flight.set_result(result)

    def _landed(self, flight: Future[T]) -> None:
        with self._lock:
            if self._running is flight:
                self._running = None
