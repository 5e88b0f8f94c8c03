"""An alarm clock that a poll loop can wait for: Linux's timerfd, set in absolute time.

A room of its own because Python 3.11 knows no timerfd and this is the only place that speaks to the
C library. epoll's own timeout has a resolution of a millisecond; this has one of microseconds.
"""

import ctypes
import os
from contextlib import suppress

_MONOTONIC, _CLOEXEC_NONBLOCK, _ABSOLUTE = 1, 0o2004000, 1
_SET_SLACK, _SET_PARENT_DEATH_SIGNAL, _KILL = 29, 1, 9
_BILLION = 1_000_000_000


class _Span(ctypes.Structure):
    _fields_ = (("interval", ctypes.c_long * 2), ("value", ctypes.c_long * 2))


class Alarm:
    """Makes `fileno()` readable at a moment of `time.monotonic()`."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = self._libc.timerfd_create(_MONOTONIC, _CLOEXEC_NONBLOCK)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._span = _Span()
        self._set_to = 0.0

    def fileno(self) -> int:
        """What to poll."""
        return int(self._fd)

    def set(self, at: float) -> None:
        """Ring at `at`, or at once when that is past."""
        if at == self._set_to:
            return
        self._set_to = at
        # Nought would switch it off.
        nanoseconds = max(1, int(at * _BILLION))
        self._span.value[:] = divmod(nanoseconds, _BILLION)
        if self._libc.timerfd_settime(self._fd, _ABSOLUTE, ctypes.byref(self._span), None):
            raise OSError(ctypes.get_errno(), "timerfd_settime")

    def quiet(self) -> None:
        """Take note that it rang."""
        self._set_to = 0.0
        with suppress(BlockingIOError):
            os.read(self._fd, 8)

    def close(self) -> None:
        """Give it back."""
        os.close(self._fd)


def be_punctual() -> None:
    """Let this thread be woken without slack, and before all others where the machine permits it.

    What a service takes of the processors must not delay the requests that measure it.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_SET_SLACK, 1)
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
        return
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, -10)


def be_ordinary() -> None:
    """Take turns with everybody else again."""
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def die_with_parent() -> None:
    """Be ended when the process that started this one ends."""
    ctypes.CDLL(None, use_errno=True).prctl(_SET_PARENT_DEATH_SIGNAL, _KILL)
