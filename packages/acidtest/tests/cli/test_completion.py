"""`acidtest completion`: scripts the shells accept, and answers to what they ask."""

import subprocess
from collections.abc import Callable
from typing import Any

import pytest

Run = Callable[..., Any]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_a_script(acidtest: Run, shell: str) -> None:
    """The script of each shell registers a completion of this program."""
    ended = acidtest("completion", shell)

    assert ended.code == 0
    assert "_ACIDTEST_COMPLETE" in ended.out


def test_bash_accepts_its_script(acidtest: Run) -> None:
    """Bash reads the script without a complaint."""
    script = acidtest("completion", "bash").out

    checked = subprocess.run(["bash", "-n"], input=script, text=True, timeout=10, check=False)

    assert checked.returncode == 0


@pytest.mark.parametrize(
    ("words", "number", "completed"),
    [
        ("acidtest gr", "1", "grade"),
        ("acidtest problems show bo", "3", "book-reviews"),
        ("acidtest grade . --problem bo", "4", "book-reviews"),
    ],
)
def test_words_are_completed(
    acidtest: Run, monkeypatch: pytest.MonkeyPatch, words: str, number: str, completed: str
) -> None:
    """Commands and problem names complete."""
    monkeypatch.setenv("_ACIDTEST_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", number)

    assert completed in acidtest().out.split()
