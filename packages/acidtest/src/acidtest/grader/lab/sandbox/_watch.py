"""Bounds that the kernel does not hold for us: watched, and ended when overstepped.

Two of them: memory and processes where no control group can be had, and what is written to a
directory of the host, for which no file system keeps a quota.
"""

import asyncio
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from acidtest.grader.lab.leftovers import descendants

from ._model import Limits, Usage

_TREE_SECONDS = 0.1
_DISK_SECONDS = 0.5
_PAGE = os.sysconf("SC_PAGE_SIZE")
_BLOCK = 512
"""The unit of st_blocks, whatever the file system."""
_TICKS = os.sysconf("SC_CLK_TCK")

Overstepped = Callable[[str], None]
"""Called once with a sentence when a bound is overstepped."""


class TreeWatch:
    """Memory and processes of everything below some processes, looked at ten times a second.

    Weaker than a control group: what is taken and given back between two looks goes unseen.
    """

    def __init__(
        self, roots: Iterable[int], limits: Limits, overstepped: Overstepped, *, ours: int = 0
    ) -> None:
        """Watch the descendants of `roots`.

        Args:
            roots: where the tree begins.
            limits: its bounds.
            overstepped: told when one is overstepped.
            ours: how many processes of the tree are the judge's own and count for nobody.
        """
        self._ours = ours
        self._roots = tuple(roots)
        self._limits = limits
        self._overstepped = overstepped
        self._cpu: dict[int, float] = {}
        self._peak = 0
        self.seen = Usage()
        """What the last look saw."""

    async def run(self) -> None:
        """Look until cancelled or a bound is overstepped."""
        while True:
            usage = await asyncio.to_thread(self.usage)
            if usage.memory_bytes > self._limits.memory_bytes:
                self.seen = usage.model_copy(update={"oom_killed": True})
                self._overstepped("took more memory than it may")
                return
            if usage.processes > self._limits.processes:
                self._overstepped("started more processes than it may")
                return
            await asyncio.sleep(_TREE_SECONDS)

    def usage(self) -> Usage:
        """Return what the tree takes now and has taken."""
        memory = processes = 0
        for pid in {*descendants(self._roots), *self._roots}:
            taken = _taken(pid)
            if taken is not None:
                memory += taken[0]
                processes += taken[1]
                self._cpu[pid] = taken[2]
        self._peak = max(self._peak, memory)
        self.seen = Usage(
            memory_bytes=memory,
            peak_bytes=self._peak,
            cpu_seconds=sum(self._cpu.values()),
            processes=max(processes - self._ours, 0),
            oom_killed=self.seen.oom_killed,
        )
        return self.seen


def _taken(pid: int) -> tuple[int, int, float] | None:
    """Return private memory, threads and processor seconds of `pid`."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        statm = Path(f"/proc/{pid}/statm").read_text().split()
    except OSError:
        return None
    # Pages shared with others (libraries, a pre-forking server's heap is not) would count often.
    private = (int(statm[1]) - int(statm[2])) * _PAGE
    return private, int(stat[17]), (int(stat[11]) + int(stat[12])) / _TICKS


async def watch_disk(trees: Iterable[Path], limit: int, overstepped: Overstepped) -> None:
    """Look at the size of `trees` until cancelled or together they are larger than `limit`."""
    roots = tuple(trees)
    while True:
        if await asyncio.to_thread(_larger_than, roots, limit):
            overstepped(f"wrote more than {limit} bytes")
            return
        await asyncio.sleep(_DISK_SECONDS)


def _larger_than(roots: Iterable[Path], limit: int) -> bool:
    total = 0
    pending = [str(root) for root in roots]
    while pending and total <= limit:
        # What vanishes while it is looked at takes no room.
        with suppress(OSError):
            size, below = _entries(pending.pop())
            total += size
            pending += below
    return total > limit


def _entries(folder: str) -> tuple[int, list[str]]:
    """Return the room that the entries of `folder` take on disk, and the folders among them."""
    size, below = 0, []
    with os.scandir(folder) as entries:
        for entry in entries:
            size += entry.stat(follow_symlinks=False).st_blocks * _BLOCK
            if entry.is_dir(follow_symlinks=False):
                below.append(entry.path)
    return size, below
