"""Control groups, on trees of plain files that look like the kernel's."""

import os
from pathlib import Path

import pytest

from acidtest.grader.lab.sandbox import MIB, Limits
from acidtest.grader.lab.sandbox._cgroups import Version1, Version2, detect_groups, group_name


def _proc(tmp_path: Path, *, mountinfo: str, cgroup: str) -> Path:
    proc = tmp_path / "proc"
    proc.mkdir()
    (proc / "mountinfo").write_text(mountinfo)
    (proc / "cgroup").write_text(cgroup)
    return proc


def _unified(
    tmp_path: Path, *, handed: str = "", members: str = "", offered: str = "cpu memory pids"
) -> Path:
    """A version 2 tree with our own group in it; returns the group."""
    own = tmp_path / "tree" / "user.slice" / "own"
    own.mkdir(parents=True)
    for group in (own, own.parent, own.parent.parent):
        (group / "cgroup.controllers").write_text(offered)
        (group / "cgroup.subtree_control").write_text("")
        (group / "cgroup.procs").write_text("1\n2\n")
    (own / "cgroup.subtree_control").write_text(handed)
    (own / "cgroup.procs").write_text(members)
    return own


def _mountinfo(point: Path, root: str = "/") -> str:
    return f"41 31 0:38 {root} {point} rw,relatime - cgroup2 cgroup2 rw\n"


def test_a_group_that_hands_down_its_resources_is_used(tmp_path: Path) -> None:
    """A delegated subtree is found by the files in it."""
    own = _unified(tmp_path, handed="cpu memory pids", members="5\n")
    proc = _proc(tmp_path, mountinfo=_mountinfo(tmp_path / "tree"), cgroup="0::/user.slice/own\n")
    groups = detect_groups(proc)

    assert groups is not None
    assert groups.kind == "v2"
    assert groups.plan("acidtest-x") == (own / "acidtest-x",)


def test_a_group_of_our_own_is_prepared(tmp_path: Path) -> None:
    """Alone in a group, we move to a leaf and let the group hand its resources down."""
    own = _unified(tmp_path, members=f"{os.getpid()}\n")

    assert Version2.found(own, tmp_path / "tree") is not None
    assert (own / "acidtest-grader" / "cgroup.procs").read_text() == str(os.getpid())
    assert (own / "cgroup.subtree_control").read_text() == "+cpu +memory +pids"


def test_a_group_shared_with_others_is_left_alone(tmp_path: Path) -> None:
    """Where strangers live in our group, nothing in it is changed."""
    own = _unified(tmp_path, members=f"{os.getpid()}\n1\n")

    assert Version2.found(own, tmp_path / "tree") is None
    assert (own / "cgroup.subtree_control").read_text() == ""
    assert not (own / "acidtest-grader").exists()


def test_a_parent_that_hands_down_is_used_instead(tmp_path: Path) -> None:
    """The nearest group above that hands resources down will do."""
    own = _unified(tmp_path, members="1\n")
    (own.parent / "cgroup.subtree_control").write_text("memory pids")
    groups = Version2.found(own, tmp_path / "tree")

    assert groups is not None
    assert groups.plan("acidtest-x") == (own.parent / "acidtest-x",)


def test_inside_a_container_the_path_is_read_from_its_root(tmp_path: Path) -> None:
    """A group's path as the host knows it is found below the mount the container sees."""
    own = _unified(tmp_path, handed="memory pids")
    mountinfo = _mountinfo(tmp_path / "tree", root="/docker/abc")
    proc = _proc(tmp_path, mountinfo=mountinfo, cgroup="0::/docker/abc/user.slice/own\n")
    groups = detect_groups(proc)

    assert groups is not None
    assert groups.plan("acidtest-x") == (own / "acidtest-x",)


def test_version_2_limits_are_written_as_the_kernel_reads_them(tmp_path: Path) -> None:
    """Memory without swap, processes with one for ourselves, processors as quota and period."""
    group = Version2(tmp_path).make(
        (tmp_path / "acidtest-x",), Limits(memory_bytes=64 * MIB, processes=10, cpus=1.5)
    )
    group.add(123)
    group.freeze()
    written = {file.name: file.read_text() for file in (tmp_path / "acidtest-x").iterdir()}

    assert written == {
        "memory.max": str(64 * MIB),
        "memory.swap.max": "0",
        "pids.max": "11",
        "cpu.max": "150000 100000",
        "cgroup.procs": "123",
        "cgroup.freeze": "1",
    }


def test_version_2_usage_is_read(tmp_path: Path) -> None:
    """Memory without reclaimable cache, its peak, time, processes, and whether one was ended."""
    group = Version2(tmp_path).make((tmp_path / "acidtest-x",), Limits())
    files = {
        "memory.current": "1000\n",
        "memory.peak": "5000\n",
        "memory.stat": "anon 700\ninactive_file 300\n",
        "memory.events": "low 0\nmax 4\noom 1\noom_kill 1\n",
        "cpu.stat": "usage_usec 2500000\nuser_usec 1\n",
        "pids.current": "4\n",
    }
    for name, text in files.items():
        (tmp_path / "acidtest-x" / name).write_text(text)
    usage = group.usage()

    assert (usage.memory_bytes, usage.peak_bytes) == (700, 5000)
    assert (usage.cpu_seconds, usage.processes, usage.oom_killed) == (2.5, 3, True)


def test_version_2_without_a_peak_remembers_the_highest_seen(tmp_path: Path) -> None:
    """Kernels before 5.19 keep no peak; ours is the highest value read."""
    group = Version2(tmp_path).make((tmp_path / "acidtest-x",), Limits())
    current = tmp_path / "acidtest-x" / "memory.current"
    peaks = []
    for value in (100, 900, 300):
        current.write_text(str(value))
        peaks.append(group.usage().peak_bytes)

    assert peaks == [100, 900, 900]


def test_version_1_writes_each_tree(tmp_path: Path) -> None:
    """Each resource has a tree of its own, each with the group and its limit."""
    homes = {name: tmp_path / name for name in ("memory", "pids", "cpu", "cpuacct", "freezer")}
    for home in homes.values():
        home.mkdir()
    groups = Version1.found(homes)
    assert groups is not None
    group = groups.make(groups.plan("acidtest-x"), Limits(memory_bytes=MIB, processes=5, cpus=0.5))
    group.add(7)

    limit = tmp_path / "memory" / "acidtest-x" / "memory.limit_in_bytes"
    assert limit.read_text() == str(MIB)
    assert (tmp_path / "pids" / "acidtest-x" / "pids.max").read_text() == "6"
    assert (tmp_path / "cpu" / "acidtest-x" / "cpu.cfs_quota_us").read_text() == "50000"
    assert all((home / "acidtest-x" / "cgroup.procs").read_text() == "7" for home in homes.values())


def test_version_1_needs_memory_and_processes(tmp_path: Path) -> None:
    """Without one of the two trees there are no groups."""
    assert Version1.found({"memory": tmp_path}) is None


@pytest.mark.parametrize(
    "mountinfo", ["", "nonsense\n", "1 2 0:1 / /nowhere rw - tmpfs tmpfs rw\n"]
)
def test_a_machine_without_groups_is_recognised(tmp_path: Path, mountinfo: str) -> None:
    """Where nothing is mounted, nothing is found."""
    assert detect_groups(_proc(tmp_path, mountinfo=mountinfo, cgroup="0::/\n")) is None


def test_a_groups_name_is_safe_and_its_own() -> None:
    """A sandbox's name cannot lead out of its tree, and two never share a group."""
    assert "/" not in group_name("../../evil name")
    assert group_name("a") != group_name("a")
