"""Leftovers: what dead graders leave is ended and removed, what living ones own is untouched."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from acidtest.grader.lab.leftovers import (
    RUN_VARIABLE,
    RunDirectory,
    record_cgroup,
    record_container,
    record_pid,
    remove_tree,
    start_time,
    sweep,
)


def _until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _orphaned_run(state: Path) -> RunDirectory:
    """A run whose grader is no more."""
    run = RunDirectory.create(state)
    _, started, boot = (run.path / "owner").read_text().split()
    dead = subprocess.Popen(["true"])
    dead.wait()
    (run.path / "owner").write_text(f"{dead.pid} {started} {boot}\n")
    return run


def _sleeper(**env: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(["sleep", "600"], env={"PATH": "/usr/bin:/bin", **env})
    # The name changes when the child becomes `sleep`; until then its environment is still ours.
    comm = Path(f"/proc/{process.pid}/comm")
    _until(lambda: comm.read_text().strip() == "sleep")
    return process


def test_leaving_the_context_removes_the_directory(tmp_path: Path) -> None:
    """A run that ended left nothing in the state directory."""
    with RunDirectory.create(tmp_path) as run:
        (run.path / "file").write_text("x")

    assert list((tmp_path / "runs").iterdir()) == []


def test_an_interrupted_run_cleans_up_too(tmp_path: Path) -> None:
    """Ctrl-C in the middle of a run ends what it started and removes its directory."""
    sleeper = _sleeper()

    def interrupted() -> None:
        with RunDirectory.create(tmp_path) as run:
            run.register_pid(sleeper.pid)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert sleeper.wait(5) == -9
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_sweep_ends_the_processes_of_a_dead_grader(tmp_path: Path) -> None:
    """What a killed grader had written down is ended, with what it started, and removed."""
    run = _orphaned_run(tmp_path)
    parent = subprocess.Popen(["sh", "-c", "sleep 600 & echo $!; wait"], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    record_pid(run.path, parent.pid)

    swept = sweep(tmp_path)
    parent.stdout.close()

    assert (swept.runs, swept.processes) == (1, 2)
    assert parent.wait(5) == -9
    _until(lambda: start_time(child) is None)
    assert not run.path.exists()


def test_a_sweep_finds_what_only_its_environment_gives_away(tmp_path: Path) -> None:
    """A process that left its group and was never written down is found by its mark."""
    run = _orphaned_run(tmp_path)
    marked = _sleeper(**{RUN_VARIABLE: run.path.name})
    other = _sleeper(**{RUN_VARIABLE: run.path.name + "x"})

    try:
        sweep(tmp_path)

        assert marked.wait(5) == -9
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_sweep_leaves_a_living_grader_alone(tmp_path: Path) -> None:
    """The run of a grader that still lives keeps its processes and files."""
    sleeper = _sleeper()
    with RunDirectory.create(tmp_path) as run:
        run.register_pid(sleeper.pid)

        assert sweep(tmp_path).runs == 0
        assert sleeper.poll() is None
        assert run.path.exists()

    assert sleeper.wait(5) == -9


def test_a_number_given_to_another_process_is_not_ended(tmp_path: Path) -> None:
    """A pid whose start time differs belongs to somebody else now."""
    run = _orphaned_run(tmp_path)
    bystander = _sleeper()
    with (run.path / "pids").open("a") as pids:
        pids.write(f"{bystander.pid} 1\nnonsense\n-1 5\n")

    try:
        sweep(tmp_path)

        assert bystander.poll() is None
        assert not run.path.exists()
    finally:
        bystander.kill()
        bystander.wait()


def test_after_a_restart_of_the_machine_only_files_are_removed(tmp_path: Path) -> None:
    """Process numbers of an earlier boot mean nothing now."""
    run = RunDirectory.create(tmp_path)
    (run.path / "owner").write_text(f"{os.getpid()} {start_time(os.getpid())} another-boot\n")
    bystander = _sleeper()
    record_pid(run.path, bystander.pid)

    try:
        swept = sweep(tmp_path)

        assert (swept.runs, swept.processes) == (1, 0)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_registered_control_groups_are_removed(tmp_path: Path) -> None:
    """A directory registered as a control group goes with its run; others are not touched."""
    run = _orphaned_run(tmp_path)
    group = tmp_path / "acidtest-group"
    stranger = tmp_path / "somebody"
    for path in (group, stranger):
        path.mkdir()
        record_cgroup(run.path, path)

    assert sweep(tmp_path).cgroups == 1
    assert not group.exists()
    assert stranger.exists()


def test_a_tree_of_any_depth_is_removed(tmp_path: Path) -> None:
    """Thousands of nested directories do not stop the removal."""
    tree = tmp_path / "deep"
    tree.mkdir()
    script = "import os\nfor _ in range(5000): os.mkdir('d'); os.chdir('d')"
    subprocess.run([sys.executable, "-I", "-c", script], cwd=tree, check=True)

    remove_tree(tree)

    assert not tree.exists()


def test_a_link_out_of_the_tree_is_removed_but_not_followed(tmp_path: Path) -> None:
    """What a link points to stays."""
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("x")
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "link").symlink_to(precious)

    remove_tree(tree)

    assert (precious / "file").exists()


def test_registered_containers_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine is asked to remove what a dead grader made with it, and nothing else."""
    asked = tmp_path / "asked"
    engine = tmp_path / "podman"
    engine.write_text(f'#!/bin/sh\necho "$@" >> {asked}\n')
    engine.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    run = _orphaned_run(tmp_path)
    record_container(run.path, "podman", "acidtest-one")
    record_container(run.path, "podman", "--all")
    record_container(run.path, "reboot", "acidtest-two")

    sweep(tmp_path)

    assert asked.read_text() == "rm --force -- acidtest-one\n"
