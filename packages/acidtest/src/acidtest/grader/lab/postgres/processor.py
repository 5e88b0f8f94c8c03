"""How much processor time a server has taken: its postmaster, what it forked, and what is gone."""

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_OWN, _REAPED = slice(11, 13), slice(13, 15)


def processor_seconds(postmaster: int) -> float:
    """Seconds of processor time of a server since it started; 0.0 once it is gone.

    A session's time is its own while it lives and its postmaster's afterwards (`/proc/<pid>/stat`).
    """
    ticks = 0
    for pid in (postmaster, *_children(postmaster)):
        fields = _fields(pid)
        ticks += sum(map(int, fields[_OWN]))
        if pid == postmaster:
            ticks += sum(map(int, fields[_REAPED]))
    return ticks / _TICKS


def _children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _fields(pid: int) -> list[str]:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return []
    # The second field is a name that may hold anything; what follows its bracket does not.
    return text.rpartition(")")[2].split()
