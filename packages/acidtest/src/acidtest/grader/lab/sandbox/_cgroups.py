"""Control groups: what one sandbox may take of memory, processors and process numbers.

Version 1 keeps a tree for each resource, version 2 one tree for all; which of them this machine
lets us use is found out by looking at the files, never by asking who runs here.
"""

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Protocol

from ._model import Limits, Usage

_CPU_PERIOD_MICROSECONDS = 100_000
_MINIMUM_QUOTA = 1_000
_OWN_PROCESSES = 1
"""The sandbox's own process number 1, which the program's limit should not pay for."""


class Group(Protocol):
    """One sandbox's share of the machine."""

    paths: tuple[Path, ...]

    def add(self, pid: int) -> None:
        """Move process `pid` in; what it starts later is born inside."""

    def freeze(self) -> None:
        """Stop everything inside."""

    def thaw(self) -> None:
        """Let it go on."""

    def kill(self) -> None:
        """End everything inside that can be ended from here."""

    def usage(self) -> Usage:
        """Return what it takes."""

    def remove(self) -> None:
        """Remove the group, which must be empty."""


class Groups(Protocol):
    """A place where groups can be made."""

    kind: str

    def plan(self, name: str) -> tuple[Path, ...]:
        """Return the paths of a new group called `name`, which `make` will create."""

    def make(self, paths: tuple[Path, ...], limits: Limits) -> Group:
        """Create a group with `limits`."""


def group_name(name: str) -> str:
    """Return a name for a sandbox's group that no other run uses."""
    return f"acidtest-{re.sub('[^A-Za-z0-9_-]', '_', name)[:40]}-{secrets.token_hex(4)}"


class Version1:
    """Groups in the separate trees of version 1."""

    kind = "v1"
    _NEEDED = ("memory", "pids")
    _WANTED = ("cpu", "cpuacct", "freezer")

    def __init__(self, homes: dict[str, Path]) -> None:
        self._homes = homes

    @classmethod
    def found(cls, homes: dict[str, Path]) -> "Version1 | None":
        """Return the trees of `homes`, when those we cannot do without may be written."""
        usable = {
            name: homes[name]
            for name in (*cls._NEEDED, *cls._WANTED)
            if name in homes and os.access(homes[name], os.W_OK)
        }
        return cls(usable) if all(name in usable for name in cls._NEEDED) else None

    def plan(self, name: str) -> tuple[Path, ...]:
        """Return one path for each tree; trees mounted together share theirs."""
        return tuple(dict.fromkeys(home / name for home in self._homes.values()))

    def make(self, paths: tuple[Path, ...], limits: Limits) -> Group:
        """Create the group in every tree."""
        for path in paths:
            path.mkdir()
        name = paths[0].name
        group = _Group1({kind: home / name for kind, home in self._homes.items()}, paths)
        group.limit(limits)
        return group


class _Group1:
    def __init__(self, trees: dict[str, Path], paths: tuple[Path, ...]) -> None:
        self.paths = paths
        self._trees = trees

    def limit(self, limits: Limits) -> None:
        memory = self._trees["memory"]
        (memory / "memory.limit_in_bytes").write_text(str(limits.memory_bytes))
        # Swap counts too, where the kernel accounts for it; it may only be set after memory.
        with suppress(OSError):
            (memory / "memory.memsw.limit_in_bytes").write_text(str(limits.memory_bytes))
        (self._trees["pids"] / "pids.max").write_text(str(limits.processes + _OWN_PROCESSES))
        if cpu := self._trees.get("cpu"):
            (cpu / "cpu.cfs_period_us").write_text(str(_CPU_PERIOD_MICROSECONDS))
            (cpu / "cpu.cfs_quota_us").write_text(str(_quota(limits)))

    def add(self, pid: int) -> None:
        for path in self.paths:
            (path / "cgroup.procs").write_text(str(pid))

    def freeze(self) -> None:
        self._trees["freezer"].joinpath("freezer.state").write_text("FROZEN")

    def thaw(self) -> None:
        if freezer := self._trees.get("freezer"):
            (freezer / "freezer.state").write_text("THAWED")

    def kill(self) -> None:
        # Version 1 has no such order; the caller ends the pid namespace, and only a thawed
        # process can die.
        with suppress(OSError):
            self.thaw()

    def usage(self) -> Usage:
        memory = self._trees["memory"]
        events = _pairs(memory / "memory.oom_control")
        nanoseconds = _number(self._trees.get("cpuacct", memory) / "cpuacct.usage")
        # Pages of files read once are given back when needed: not what the program takes.
        cached = _pairs(memory / "memory.stat").get("total_inactive_file", 0)
        return Usage(
            memory_bytes=max(_number(memory / "memory.usage_in_bytes") - cached, 0),
            peak_bytes=_number(memory / "memory.max_usage_in_bytes"),
            cpu_seconds=nanoseconds / 1e9,
            processes=max(_number(self._trees["pids"] / "pids.current") - _OWN_PROCESSES, 0),
            oom_killed=events.get("oom_kill", 0) > 0,
        )

    def remove(self) -> None:
        for path in self.paths:
            with suppress(FileNotFoundError):
                path.rmdir()


class Version2:
    """Groups in the one tree of version 2."""

    kind = "v2"
    _NEEDED = frozenset(("memory", "pids"))

    def __init__(self, home: Path) -> None:
        self._home = home

    @classmethod
    def found(cls, own: Path, top: Path) -> "Version2 | None":
        """Return the nearest place at or above `own` where groups with limits can be made.

        A group that holds processes cannot hand its resources to children; so our own is used only
        when it already does, or can be made to because nobody but us is in it.
        """
        candidates = [own, *(parent for parent in own.parents if parent.is_relative_to(top))]
        for home in candidates:
            if os.access(home, os.W_OK) and cls._hands_down(home, alone_in=own):
                return cls(home)
        return None

    @classmethod
    def _hands_down(cls, home: Path, *, alone_in: Path) -> bool:
        if set(_text(home / "cgroup.subtree_control").split()) >= cls._NEEDED:
            return True
        offered = set(_text(home / "cgroup.controllers").split())
        if home != alone_in or not offered >= cls._NEEDED:
            return False
        members = set(_text(home / "cgroup.procs").split())
        if not members <= {str(os.getpid())}:
            return False
        order = " ".join(f"+{name}" for name in sorted(offered & {*cls._NEEDED, "cpu"}))
        try:
            if members:
                leaf = home / "acidtest-grader"
                leaf.mkdir(exist_ok=True)
                (leaf / "cgroup.procs").write_text(str(os.getpid()))
            (home / "cgroup.subtree_control").write_text(order)
        except OSError:
            return False
        return True

    def plan(self, name: str) -> tuple[Path, ...]:
        """Return its one path."""
        return (self._home / name,)

    def make(self, paths: tuple[Path, ...], limits: Limits) -> Group:
        """Create the group."""
        (path,) = paths
        path.mkdir()
        (path / "memory.max").write_text(str(limits.memory_bytes))
        with suppress(OSError):  # kernels without swap accounting have no such file
            (path / "memory.swap.max").write_text("0")
        (path / "pids.max").write_text(str(limits.processes + _OWN_PROCESSES))
        with suppress(OSError):  # the cpu controller may not be handed down
            (path / "cpu.max").write_text(f"{_quota(limits)} {_CPU_PERIOD_MICROSECONDS}")
        return _Group2(path)


class _Group2:
    def __init__(self, path: Path) -> None:
        self.paths: tuple[Path, ...] = (path,)
        self._path = path
        self._peak = 0

    def add(self, pid: int) -> None:
        (self._path / "cgroup.procs").write_text(str(pid))

    def freeze(self) -> None:
        (self._path / "cgroup.freeze").write_text("1")

    def thaw(self) -> None:
        (self._path / "cgroup.freeze").write_text("0")

    def kill(self) -> None:
        # From kernel 5.14 on; before that, ending the pid namespace does the same.
        if (self._path / "cgroup.kill").exists():
            (self._path / "cgroup.kill").write_text("1")

    def usage(self) -> Usage:
        inactive = _pairs(self._path / "memory.stat").get("inactive_file", 0)
        current = _number(self._path / "memory.current")
        # memory.peak came with kernel 5.19; until then the highest value seen has to do.
        self._peak = max(self._peak, current, _number(self._path / "memory.peak"))
        return Usage(
            memory_bytes=max(current - inactive, 0),
            peak_bytes=self._peak,
            cpu_seconds=_pairs(self._path / "cpu.stat").get("usage_usec", 0) / 1e6,
            processes=max(_number(self._path / "pids.current") - _OWN_PROCESSES, 0),
            oom_killed=_pairs(self._path / "memory.events").get("oom_kill", 0) > 0,
        )

    def remove(self) -> None:
        with suppress(FileNotFoundError):
            self._path.rmdir()


class _Mounted(NamedTuple):
    root: str
    """The group shown at the mount point, `/` unless we are in a container."""
    point: Path
    options: frozenset[str]
    version: int


def detect_groups(proc: Path = Path("/proc/self")) -> Groups | None:
    """Return where groups can be made on this machine, or None.

    Args:
        proc: where our own process is described; a test puts a made-up one there.
    """
    mounted = list(_mounts(_text(proc / "mountinfo")))
    homes: dict[str, Path] = {}
    unified: tuple[Path, Path] | None = None
    for line in _text(proc / "cgroup").splitlines():
        number, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        for mount in mounted:
            home = _inside(mount, path)
            if home is None:
                continue
            if mount.version == 2 and number == "0":  # noqa: PLR2004 - the version
                unified = (home, mount.point)
            elif mount.version == 1 and mount.options >= set(names.split(",")):
                homes.update(dict.fromkeys(names.split(","), home))
    if unified is not None and (second := Version2.found(*unified)) is not None:
        return second
    return Version1.found(homes)


def _mounts(mountinfo: str) -> Iterator[_Mounted]:
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        place, filesystem = left.split(), right.split()
        if filesystem and filesystem[0] in {"cgroup", "cgroup2"}:
            version = 2 if filesystem[0] == "cgroup2" else 1
            options = frozenset(filesystem[-1].split(","))
            yield _Mounted(place[3], Path(place[4]), options, version)


def _inside(mount: _Mounted, path: str) -> Path | None:
    """Return where group `path` is seen under `mount`, if it is."""
    root = mount.root.rstrip("/")
    if root and path != root and not path.startswith(f"{root}/"):
        return mount.point if mount.point.is_dir() else None
    home = mount.point / path.removeprefix(root).lstrip("/")
    return home if home.is_dir() else None


def _quota(limits: Limits) -> int:
    return max(int(limits.cpus * _CPU_PERIOD_MICROSECONDS), _MINIMUM_QUOTA)


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _number(path: Path) -> int:
    text = _text(path).strip()
    return int(text) if text.isdigit() else 0


def _pairs(path: Path) -> dict[str, int]:
    lines = (line.split() for line in _text(path).splitlines())
    return {line[0]: int(line[1]) for line in lines if len(line) == 2 and line[1].isdigit()}  # noqa: PLR2004 - name and value
