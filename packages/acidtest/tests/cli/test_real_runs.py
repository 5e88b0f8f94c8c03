"""The command as a process of its own, with the real grader behind it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

pytestmark = pytest.mark.lab

_NO_SANDBOX = "--driver local-unsafe"
_COMMAND = (sys.executable, "-c", "from acidtest.cli import main; main()")


def _environment(state: Path) -> dict[str, str]:
    return {**os.environ, "ACIDTEST_STATE": str(state), "COLUMNS": "100"}


def _run(arguments: Sequence[str], state: Path) -> subprocess.CompletedProcess[str]:
    ended = subprocess.run(
        [*_COMMAND, *arguments],
        env=_environment(state),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if _NO_SANDBOX in ended.stdout + ended.stderr:
        pytest.skip("this machine permits no sandbox")
    return ended


def test_what_nobody_recognises_ends_with_three(tmp_path: Path) -> None:
    """A folder without any service is the candidate's to mend, and its report is kept."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "README.md").write_text("# nothing here\n")
    state = tmp_path / "state"

    ended = _run(("grade", str(tmp_path / "mine"), "-p", "book-reviews"), state)

    assert ended.returncode == 3, ended.stderr
    assert "The submission could not be built" in ended.stdout
    assert list((state / "reports").glob("*/report.html"))


def test_a_package_is_verified_and_its_reports_written(tmp_path: Path) -> None:
    """Junk earns nothing, as its package promises; where nothing isolates it, a notice says so."""
    arguments = ("verify", "book-reviews", "--only", "exits-at-once", "--local-unsafe")

    ended = _run((*arguments, "--reports", str(tmp_path / "reports")), tmp_path / "state")

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "Notice: Nothing isolates this submission" in ended.stdout
    assert "1 case, all as the package promises" in ended.stdout
    assert (tmp_path / "reports" / "exits-at-once.html").is_file()


def test_an_interrupted_run_leaves_nothing(tmp_path: Path) -> None:
    """Ctrl-C during a build ends with 130, and the run's folder is gone with all it started."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "acidtest.toml").write_text('build = "sleep 300"\nstart = "sleep 300"\n')
    state = tmp_path / "state"
    with subprocess.Popen(
        [*_COMMAND, "grade", str(tmp_path / "mine"), "-p", "book-reviews"],
        env=_environment(state),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        seen = ""
        deadline = time.monotonic() + 30
        while "building" not in seen and time.monotonic() < deadline:
            line = process.stdout.readline()
            if not line:
                break
            seen += line
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    if _NO_SANDBOX in seen + out + err:
        pytest.skip("this machine permits no sandbox")

    assert process.returncode == 130, seen + out + err
    assert "Traceback" not in err
    assert not list((state / "runs").iterdir())
