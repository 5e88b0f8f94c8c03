"""`acidtest init`: all of a folder or nothing of it."""

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
