"""`acidtest init`: all of a folder or nothing of it."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from acidtest.cli.problems import statement

Run = Callable[..., Any]


def test_a_candidate_gets_statement_and_starter(acidtest: Run, tmp_path: Path) -> None:
    """A new folder holds the statement, and nothing else appears beside it."""
    ended = acidtest("init", "book-reviews", str(tmp_path / "mine"))

    assert ended.code == 0
    assert (tmp_path / "mine" / "statement.md").read_text() == statement("book-reviews")
    assert [entry.name for entry in tmp_path.iterdir()] == ["mine"]


def test_an_empty_folder_is_filled(acidtest: Run, tmp_path: Path) -> None:
    """A folder that exists and is empty may be used."""
    (tmp_path / "mine").mkdir()

    assert acidtest("init", "book-reviews", str(tmp_path / "mine")).code == 0
    assert (tmp_path / "mine" / "statement.md").is_file()


def test_work_is_never_overwritten(acidtest: Run, tmp_path: Path) -> None:
    """A folder with anything in it is refused and left as it was."""
    (tmp_path / "mine.txt").write_text("mine")

    ended = acidtest("init", "book-reviews", str(tmp_path))

    assert ended.code == 2
    assert "not an empty folder" in ended.err
    assert [entry.name for entry in tmp_path.iterdir()] == ["mine.txt"]


def test_a_place_that_cannot_be_written_is_said(acidtest: Run, tmp_path: Path) -> None:
    """A target below a file is an error with its name, and leaves nothing."""
    (tmp_path / "file").touch()

    ended = acidtest("init", "book-reviews", str(tmp_path / "file" / "mine"))

    assert ended.code == 2
    assert "cannot be written" in ended.err


def test_an_unknown_starter_is_refused(acidtest: Run, tmp_path: Path) -> None:
    """A stack there is no starter for is refused with those there are."""
    ended = acidtest("init", "book-reviews", str(tmp_path / "mine"), "--stack", "cobol")

    assert ended.code == 2
    assert "No starter 'cobol'" in ended.err
    assert list(tmp_path.iterdir()) == []


def test_a_starter_with_a_past_comes_with_its_history(acidtest: Run, tmp_path: Path) -> None:
    """The struggling service is a repository whose second commit brought the secrets.

    The ids of its commits are the same wherever it is made, and nothing is left to commit but the
    statement.
    """
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        assert acidtest("init", "struggling-orders", str(folder)).code == 0

    heads = {_git(folder, "rev-parse", "HEAD") for folder in folders}
    assert len(heads) == 1
    assert _git(folders[0], "log", "--format=%an", "--", ".env") == "Kim Berger"
    assert "WEBHOOK_SECRET=whsec_" in _git(folders[0], "show", "HEAD~3:.env")
    assert (folders[0] / ".env").is_file()
    assert _git(folders[0], "status", "--porcelain") == "?? statement.md"


def _git(folder: Path, *words: str) -> str:
    run = subprocess.run(
        ["git", *words], cwd=folder, check=True, capture_output=True, text=True, timeout=30
    )
    return run.stdout.strip()
