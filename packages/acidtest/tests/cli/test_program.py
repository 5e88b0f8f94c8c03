"""The program as a whole: help, errors in one sentence, exit codes that scripts can trust."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from acidtest.core.errors import (
    InfrastructureError,
    PackageError,
    SubmissionError,
    UsageError,
)

Run = Callable[..., Any]
GRADE = ("grade", "here", "--problem", "book-reviews")


@pytest.mark.parametrize(
    "command",
    [
        "",
        "grade",
        "doctor",
        "verify",
        "replay",
        "rescore",
        "compare",
        "similar",
        "problems",
        "problems list",
        "problems show",
        "init",
        "completion",
    ],
)
def test_help(acidtest: Run, snapshot: Callable[[str, str], None], command: str) -> None:
    """The help of every command is what a person reads first."""
    ended = acidtest(*command.split(), "--help")

    snapshot(f"help-{command.replace(' ', '-') or 'acidtest'}.txt", ended.out)
    assert ended.code == 0


def test_without_a_command_it_shows_help(acidtest: Run) -> None:
    """Called with nothing it says what it can do, and that this was no use of it."""
    ended = acidtest()

    assert "grade" in ended.out + ended.err
    assert ended.code == 2


def test_the_version_is_told(acidtest: Run) -> None:
    """The version is one line."""
    assert acidtest("--version").out.startswith("acidtest 0.")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("no such thing; do that"), 2),
        (SubmissionError("it does not build", log="line one\n\x1b[2Jline two"), 3),
        (InfrastructureError("the disk is full"), 4),
        (PackageError("problem.yaml: weight: too small"), 4),
    ],
)
def test_an_error_is_one_sentence(
    acidtest: Run, player: SimpleNamespace, error: Exception, code: int
) -> None:
    """Each kind of error has its exit code and its own words, without a traceback."""
    player.error = error

    ended = acidtest(*GRADE)

    assert ended.code == code
    assert f"Error: {error}" in ended.err
    assert "Traceback" not in ended.err
    assert "\x1b[2J" not in ended.err


def test_the_log_of_a_failed_build_is_shown(acidtest: Run, player: SimpleNamespace) -> None:
    """The end of the submission's output follows the error, inert."""
    player.error = SubmissionError("it does not build", log="one\n\x1b[2Jtwo")

    assert "│ ⟨ESC⟩[2Jtwo" in acidtest(*GRADE).err


def test_a_bug_of_ours_is_confessed(acidtest: Run, player: SimpleNamespace) -> None:
    """What nobody foresaw says that it is the judge's fault, and has no traceback."""
    player.error = ZeroDivisionError("oops")

    ended = acidtest(*GRADE)

    assert ended.code == 4
    assert "AcidTest itself broke: ZeroDivisionError: oops" in ended.err
    assert "Traceback" not in ended.err


def test_debug_shows_the_traceback(acidtest: Run, player: SimpleNamespace) -> None:
    """With --debug, anywhere, the traceback is there too."""
    player.error = ZeroDivisionError("oops")

    ended = acidtest(*GRADE, "--debug")

    assert ended.code == 4
    assert "Traceback" in ended.err


def test_an_interrupted_run_ends_with_130(acidtest: Run, player: SimpleNamespace) -> None:
    """Ctrl-C ends with 130 and no traceback."""
    player.error = KeyboardInterrupt()

    ended = acidtest(*GRADE)

    assert ended.code == 130
    assert "Traceback" not in ended.err


def test_a_wrong_option_is_a_usage_error(acidtest: Run) -> None:
    """An option that does not exist ends with 2 and says so."""
    ended = acidtest(*GRADE, "--treshold", "3")

    assert ended.code == 2
    assert "--treshold" in ended.err
