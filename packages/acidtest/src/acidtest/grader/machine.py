"""How busy the machine was for a while, and with what: the service, the judge, or strangers.

A service may use all it is given; what strangers take is not its fault. Linux tells the whole in
/proc/stat and each process's part in /proc/<pid>/stat; see proc(5).
"""

import os
import time
from pathlib import Path
from typing import NamedTuple

from acidtest.grader.lab.leftovers import descendants

_TICKS = os.sysconf("SC_CLK_TCK")

FOREIGN_SHARE = 0.25
"""Of all processors: half of one on a machine with two. Tails were seen to double at 0.3."""
_LONG_ENOUGH = 0.5
"""Seconds; the kernel counts in hundredths, which says nothing about less."""


class Use(NamedTuple):
    """What went on between two readings."""

    busy: float
    """Share of all processors in use."""
    foreign: float
    """Share of all processors used by what neither the judge nor the service is."""
    judge: float
    """Share of one processor that this process took."""
    pressure: float
    """Share of the time in which something waited for a processor; 0 where the kernel is silent."""
    seconds: float

    @property
    def taken(self) -> bool:
        """Whether strangers took so much that slowness says nothing about a service."""
        return self.seconds >= _LONG_ENOUGH and self.foreign > FOREIGN_SHARE


class Reading(NamedTuple):
    """Counters at one moment, in seconds."""

    at: float
    busy: float
    whole: float
    family: float
    """Processor time of this process and of all that descend from it."""
    judge: float
    pressure: float

    @classmethod
    def take(cls, apart: float = 0.0) -> "Reading":
        """Read them; `apart` is processor time of the service's that descends from others.

        Looks at every process of the machine: some milliseconds, not for an event loop.
        """
        busy, whole = _processors()
        return cls(
            at=time.monotonic(),
            busy=busy,
            whole=whole,
            family=_family() + apart,
            judge=time.process_time(),
            pressure=_pressure(),
        )

    def until(self, later: "Reading") -> Use:
        """What went on between this reading and a later one."""
        whole = max(later.whole - self.whole, 1.0 / _TICKS)
        seconds = max(later.at - self.at, 1e-6)
        busy = later.busy - self.busy
        family = max(0.0, later.family - self.family)
        return Use(
            busy=_share(busy / whole),
            foreign=_share((busy - family) / whole),
            judge=max(0.0, later.judge - self.judge) / seconds,
            pressure=_share((later.pressure - self.pressure) / seconds),
            seconds=seconds,
        )


def _share(value: float) -> float:
    return min(1.0, max(0.0, value))


def _processors() -> tuple[float, float]:
    fields = [int(field) for field in _text(Path("/proc/stat")).split("\n", 1)[0].split()[1:9]]
    # Time that a hypervisor gave to other machines (steal) is busy: nobody here had it.
    whole = sum(fields)
    return (whole - fields[3] - fields[4]) / _TICKS, whole / _TICKS


def _family() -> float:
    ours = {os.getpid(), *descendants([os.getpid()])}
    return sum(_time_of(pid) for pid in ours) / _TICKS


def _time_of(pid: int) -> int:
    """Ticks of a process and of its children that ended."""
    fields = _text(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:15])


def _pressure() -> float:
    first = _text(Path("/proc/pressure/cpu")).split("\n", 1)[0]
    _, found, total = first.partition("total=")
    return int(total) / 1e6 if found and total.isdigit() else 0.0


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
