"""What the machine is and how busy it was: without this no figure of a benchmark means anything."""

import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_QUIET_SECONDS = 1.0
IDLE = 0.15
"""More foreign load than this, and times tell more about the others than about us."""


class Meter:
    """How busy the machine was between two moments, and how much of that was not ours."""

    def __init__(self) -> None:
        self.busy = 0.0
        """Share of all processors that was in use."""
        self.seconds = 0.0

    def __str__(self) -> str:
        return f"machine {self.busy:.0%} busy for {self.seconds:.0f} s"


@contextmanager
def measured() -> Iterator[Meter]:
    """Measure the machine during the block."""
    meter = Meter()
    busy, whole = _processor_time()
    begun = time.monotonic()
    yield meter
    busy_after, whole_after = _processor_time()
    meter.seconds = time.monotonic() - begun
    meter.busy = (busy_after - busy) / max(1, whole_after - whole)


def foreign_load() -> float:
    """Share of the processors that others use while we do nothing."""
    with measured() as meter:
        time.sleep(_QUIET_SECONDS)
    return meter.busy


def facts(foreign: float) -> list[str]:
    """One line for each thing that the figures depend on; `foreign` is what others use."""
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    return [
        f"processors   {os.cpu_count()} ({_processor()})",
        f"memory       {_memory_gib():.0f} GiB",
        f"system       {platform.platform()}",
        f"python       {platform.python_version()}",
        f"load average {load}",
        f"others use   {foreign:.0%} of the processors while this benchmark does nothing",
    ]


def peak_memory_mb(pid: int) -> float:
    """The most memory that process `pid` ever had resident, in MB; 0 when it is gone."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    except OSError:
        pass
    return 0.0


def _processor_time() -> tuple[int, int]:
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    # Guest time is contained in user time already.
    whole = sum(fields[:8])
    return whole - fields[3] - fields[4], whole


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory_gib() -> float:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
