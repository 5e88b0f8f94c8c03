"""The pen around an image build: its processes' share of the machine, and who they are.

A container engine runs each step of a build in a control group below the one it is told. Holding
that one, the grader bounds the steps, finds their processes to end them, and finds what they write.
"""

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Self

from acidtest.grader.lab.leftovers import (
    groups_within,
    record_cgroup,
    record_container,
    remove_group,
)

from ._cgroups import Group, Groups, Version1, Version2
from ._model import Limits

_TOP = Path("/sys/fs/cgroup")
_TREES = ("memory", "pids", "cpu", "cpuacct", "freezer")
_END_SECONDS = 5.0
_ALMOST = 0.98
"""Who came so near to the memory limit before being killed was killed for it."""


class Pen:
    """One build's control group, and the layers and containers its steps were seen in."""

    def __init__(self, group: Group, run_dir: Path, limits: Limits) -> None:
        self.layers: set[Path] = set()
        """Folders of the host that hold what the steps have written."""
        self.containers: set[str] = set()
        """The engine's ids of the containers that steps ran in."""
        self._group = group
        self._run_dir = run_dir
        self._limits = limits

    @classmethod
    def make(cls, name: str, *, run_dir: Path, limits: Limits) -> "Self | None":
        """Make a group called `name` at the top, where engines look for it; None where none is."""
        groups = _groups()
        if groups is None:
            return None
        # The engine makes groups of that name in every tree, ours or not.
        trees = [_TOP, *(path for path in _TOP.iterdir() if path.is_dir())]
        for tree in trees:
            record_cgroup(run_dir, tree / name)
        try:
            return cls(groups.make(groups.plan(name), limits), run_dir, limits)
        except OSError:
            _remove_everywhere(name)
            return None

    @property
    def name(self) -> str:
        """The group's name."""
        return self._group.paths[0].name

    @property
    def parent(self) -> str:
        """The group to tell the engine: inside ours, so that it removes its own and not ours."""
        return f"/{self.name}/build"

    @property
    def memory_ran_out(self) -> bool:
        """Whether the steps came up to what memory they may take."""
        peak = self._group.usage().peak_bytes
        return peak >= self._limits.memory_bytes * _ALMOST

    def look(self, engine: str) -> None:
        """Note the layers of the steps that run now, and write down their containers."""
        for pid in self._pids():
            layer = upper_layer(pid)
            if layer is None or layer in self.layers:
                continue
            self.layers.add(layer)
            container = _container_of(layer)
            if container is not None:
                self.containers.add(container)
                record_container(self._run_dir, engine, container)

    def end(self) -> None:
        """Kill every step."""
        deadline = time.monotonic() + _END_SECONDS
        while (pids := set(self._pids())) and time.monotonic() < deadline:
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)

    def remove(self) -> None:
        """Remove the group, which must be empty, in all its trees."""
        _remove_everywhere(self.name)

    def _pids(self) -> Iterator[int]:
        # Every tree knows the same processes.
        for group in groups_within(self._group.paths[0]):
            with suppress(OSError):
                yield from (int(word) for word in (group / "cgroup.procs").read_text().split())


def upper_layer(pid: int) -> Path | None:
    """Return the folder of the host that takes what process `pid` writes into its root."""
    try:
        lines = Path(f"/proc/{pid}/mountinfo").read_text(errors="replace").splitlines()
    except OSError:
        return None
    for line in lines:
        left, _, right = line.partition(" - ")
        place, filesystem = left.split(), right.split()
        if place[4] == "/" and filesystem[0] == "overlay":
            options = dict(word.partition("=")[::2] for word in filesystem[-1].split(","))
            upper = Path(options.get("upperdir", ""))
            return upper if upper.is_absolute() and upper.is_dir() else None
    return None


def _container_of(layer: Path) -> str | None:
    """Return the id of the container whose layer this is, as the engine's own list tells it."""
    graph = layer.parents[2] / f"{layer.parents[1].name}-containers" / "containers.json"
    try:
        listed = json.loads(graph.read_text())
        return next((str(one["id"]) for one in listed if one["layer"] == layer.parent.name), None)
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _groups() -> Groups | None:
    if (_TOP / "cgroup.controllers").exists():
        handed = (_TOP / "cgroup.subtree_control").read_text().split()
        return Version2(_TOP) if {"memory", "pids"} <= set(handed) else None
    # Two trees mounted as one have two names.
    return Version1.found({name: (_TOP / name).resolve() for name in _TREES})


def _remove_everywhere(name: str) -> None:
    for path in (_TOP / name, *_TOP.glob(f"*/{name}")):
        remove_group(path)
