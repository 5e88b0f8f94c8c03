"""What a run leaves on the machine, written down before it exists, so that it can always be ended.

Every run has a directory that names its grader and all it started. A grader that ends cleans up
behind itself; one that was killed is cleaned up after by the next (`sweep`).

    <state>/runs/<id>/owner      the grader: pid, start time, boot id
    <state>/runs/<id>/pids       one line for each process started: pid, start time
    <state>/runs/<id>/cgroups    one line for each control group made: its path
    <state>/runs/<id>/containers one line for each container: engine, name
    <state>/runs/<id>/images     one line for each image built: engine, name

A pid alone would be a danger: it may have been given to somebody else since. With its start time
from /proc it is unmistakable.
"""

import os
import re
import secrets
import signal
import subprocess
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Self

RUN_VARIABLE = "ACIDTEST_RUN"
"""Marks the environment of processes that no pid namespace holds together."""

_ENDING_SECONDS = 5.0
_ABANDONED_SECONDS = 3600.0
_ENGINE_SECONDS = 30.0
_CONTAINER_ID = re.compile(r"[0-9a-f]{64}")


class Swept(NamedTuple):
    """What a sweep ended and removed."""

    runs: int
    processes: int
    cgroups: int


def start_time(pid: int) -> str | None:
    """Return the start time of process `pid` in clock ticks since boot, or None if it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    # The second field is a name that may hold blanks and parentheses; the rest is after the last.
    fields = text.rpartition(")")[2].split()
    state, started = fields[0], fields[19]
    return None if state in "ZX" else started


def record_pid(run_dir: Path, pid: int) -> None:
    """Write down that the run owning `run_dir` started process `pid`."""
    started = start_time(pid)
    if started is not None:
        _append(run_dir / "pids", f"{pid} {started}\n")


def record_cgroup(run_dir: Path, path: Path) -> None:
    """Write down that the run owning `run_dir` is about to make the control group at `path`."""
    _append(run_dir / "cgroups", f"{path}\n")


def record_container(run_dir: Path, engine: str, name: str) -> None:
    """Write down that the run owning `run_dir` is about to make, or has made, container `name`."""
    _append(run_dir / "containers", f"{engine} {name}\n")


def record_image(run_dir: Path, engine: str, name: str) -> None:
    """Write down that the run owning `run_dir` is about to build image `name`."""
    _append(run_dir / "images", f"{engine} {name}\n")


class RunDirectory:
    """The private directory of one run; leaving its context ends and removes all it registered."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, state_dir: Path) -> Self:
        """Make the directory of a new run owned by this process."""
        runs = state_dir / "runs"
        # Traversable but not listable: database servers of other users keep their sockets inside.
        runs.mkdir(mode=0o711, parents=True, exist_ok=True)
        name = f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(4)}"
        fresh = runs / f".new-{name}"
        fresh.mkdir(mode=0o711)
        fresh.chmod(0o711)
        pid = os.getpid()
        (fresh / "owner").write_text(f"{pid} {start_time(pid)} {_boot_id()}\n")
        # Renamed into place only now, so that no sweep ever sees a run without its owner.
        return cls(fresh.rename(runs / name))

    def register_pid(self, pid: int) -> None:
        """Write down a process of this run."""
        record_pid(self.path, pid)

    def register_cgroup(self, path: Path) -> None:
        """Write down a control group of this run."""
        record_cgroup(self.path, path)

    def close(self) -> None:
        """End every registered process still alive, and remove the run from the machine."""
        if self.path.exists():
            _end_run(self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def sweep(state_dir: Path) -> Swept:
    """End and remove what belongs to graders that are no more; touches no living grader's run."""
    runs = processes = cgroups = 0
    root = state_dir / "runs"
    for run_dir in sorted(root.iterdir()) if root.is_dir() else ():
        if not run_dir.is_dir() or run_dir.is_symlink() or not _abandoned(run_dir):
            continue
        ended = _end_run(run_dir)
        runs, processes, cgroups = runs + 1, processes + ended.processes, cgroups + ended.cgroups
    return Swept(runs, processes, cgroups)


def _append(path: Path, line: str) -> None:
    # One write in append mode: lines of several writers never mix.
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, line.encode())
    finally:
        os.close(fd)


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return "unknown"


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(errors="replace").splitlines()
    except OSError:
        return []


def _owner(run_dir: Path) -> tuple[int, str, str] | None:
    fields = " ".join(_lines(run_dir / "owner")).split()
    if len(fields) != 3 or not fields[0].isdigit():  # noqa: PLR2004 - pid, start time, boot id
        return None
    return int(fields[0]), fields[1], fields[2]


def _abandoned(run_dir: Path) -> bool:
    owner = _owner(run_dir)
    if owner is None:
        # Being made right now, or its grader died while making it.
        return time.time() - run_dir.lstat().st_mtime > _ABANDONED_SECONDS
    pid, started, boot = owner
    if run_dir.name.startswith(".new-") and boot == _boot_id() and start_time(pid) == started:
        return False
    return boot != _boot_id() or start_time(pid) != started


def _end_run(run_dir: Path) -> Swept:
    owner = _owner(run_dir)
    processes = 0
    groups = [Path(line) for line in _lines(run_dir / "cgroups") if "acidtest" in line]
    if owner is None or owner[2] == _boot_id():
        processes = _end_processes(run_dir, groups)
    _remove_containers(run_dir)
    _remove_images(run_dir)
    removed = sum(remove_group(group) for group in groups)
    _unmount_below(run_dir)
    remove_tree(run_dir)
    return Swept(1, processes, removed)


def _end_processes(run_dir: Path, groups: Iterable[Path]) -> int:
    """Kill until nothing of the run is left: what dies may just have started something."""
    killed: set[int] = set()
    deadline = time.monotonic() + _ENDING_SECONDS
    while alive := _processes_of(run_dir, groups):
        for pid in alive:
            _kill(pid)
        killed |= alive
        if time.monotonic() > deadline:
            break
        time.sleep(0.01)
    return len(killed)


def _processes_of(run_dir: Path, groups: Iterable[Path]) -> set[int]:
    found: set[int] = set()
    for line in _lines(run_dir / "pids"):
        fields = line.split()
        if len(fields) == 2 and fields[0].isdigit():  # noqa: PLR2004 - pid and start time
            pid = int(fields[0])
            if start_time(pid) == fields[1]:
                found.add(pid)
    for group in groups:
        _thaw_group(group)
        # Container engines make groups of their own below.
        for inner in groups_within(group):
            found |= {int(line) for line in _lines(inner / "cgroup.procs") if line.isdigit()}
    found |= marked_processes(run_dir.name)
    found |= descendants(found)
    return {pid for pid in found if pid != os.getpid() and start_time(pid) is not None}


def marked_processes(mark: str, *, variable: str = RUN_VARIABLE) -> set[int]:
    """Return the living processes that were started with `variable` set to `mark`."""
    wanted = f"{variable}={mark}".encode()
    found: set[int] = set()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            environment = (entry / "environ").read_bytes()
        except OSError:
            continue
        if wanted in environment.split(b"\0") and start_time(int(entry.name)) is not None:
            found.add(int(entry.name))
    return found


def descendants(roots: Iterable[int]) -> set[int]:
    """Return all children of `roots`, their children, and so on."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            text = (entry / "stat").read_text(errors="replace")
        except OSError:
            continue
        children.setdefault(int(text.rpartition(")")[2].split()[1]), []).append(int(entry.name))
    found: set[int] = set()
    pending = list(roots)
    while pending:
        for child in children.get(pending.pop(), ()):
            if child not in found:
                found.add(child)
                pending.append(child)
    return found


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return  # gone, or given to somebody else's process since


def _thaw_group(group: Path) -> None:
    """A frozen process does not die of a signal under cgroup v1."""
    for name, value in (("freezer.state", "THAWED"), ("cgroup.freeze", "0")):
        try:
            if (group / name).exists():
                (group / name).write_text(value)
        except OSError:
            continue


def groups_within(group: Path) -> list[Path]:
    """Return `group` and the control groups inside it, the innermost first."""
    # Not a glob: groups vanish while they are looked at, and only a walk takes that calmly.
    return [Path(folder) for folder, _, _ in os.walk(group, topdown=False)]


def remove_group(group: Path) -> bool:
    """Remove a control group without processes and those inside it; say if it is gone."""
    deadline = time.monotonic() + 1.0
    while group.is_dir():
        try:
            for inner in groups_within(group):
                inner.rmdir()
        except OSError:
            # The kernel lets go of a dead process a moment after it is gone from /proc.
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        else:
            return True
    return False


def _remove_containers(run_dir: Path) -> None:
    for line in _lines(run_dir / "containers"):
        engine, _, name = line.partition(" ")
        if name.startswith("acidtest-") or _CONTAINER_ID.fullmatch(name):
            _tell_engine(engine, "rm", "--force", "--", name)


def _remove_images(run_dir: Path) -> None:
    for line in _lines(run_dir / "images"):
        engine, _, name = line.partition(" ")
        if name.startswith("localhost/acidtest-"):
            _tell_engine(engine, "rmi", "--force", "--", name)


def _tell_engine(engine: str, *words: str) -> None:
    if engine in {"docker", "podman"}:
        with suppress(OSError, subprocess.TimeoutExpired):
            subprocess.run(
                [engine, *words], check=False, capture_output=True, timeout=_ENGINE_SECONDS
            )


def _unmount_below(run_dir: Path) -> None:
    prefix = f"{run_dir.resolve()}/"
    points = [
        fields[4] for line in _lines(Path("/proc/self/mountinfo")) if (fields := line.split())
    ]
    for point in sorted((p for p in points if p.startswith(prefix)), reverse=True):
        subprocess.run(["umount", "--lazy", "--", point], check=False, capture_output=True)


def remove_tree(path: Path) -> None:
    """Remove `path` and all below it, however deep a hostile program nested it."""
    # Not shutil.rmtree: it recurses, and a tree of some thousand levels ends it.
    command = ["rm", "-rf", "--one-file-system", "--", str(path)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        subprocess.run(["chmod", "-R", "u+rwX", "--", str(path)], check=False, capture_output=True)
        subprocess.run(command, check=False, capture_output=True)
