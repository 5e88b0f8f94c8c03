"""`acidtest similar`: which folders are compared, what is said, and how it ends."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from acidtest.catalogue.loader import catalogue_folder

Run = Callable[..., Any]
PROBLEMS = catalogue_folder() / "problems"
FLASK = PROBLEMS / "book-reviews" / "submissions" / "flask-psycopg"
EXPRESS = PROBLEMS / "book-reviews" / "submissions" / "node-express"


def _copy(folder: Path, name: str) -> Path:
    place = folder / name / "app"
    place.mkdir(parents=True)
    for path in (FLASK / "bookshelf").glob("*.py"):
        (place / path.name).write_text(path.read_text())
    return folder / name


def test_a_folder_of_submissions_is_compared(acidtest: Run, tmp_path: Path) -> None:
    """One folder means those in it; a pair is told with its places, and nothing is concluded."""
    all_of_them = tmp_path / "all"
    _copy(all_of_them, "anna")
    _copy(all_of_them, "ben")
    (all_of_them / ".git").mkdir()

    ended = acidtest("similar", str(all_of_them), "--problem", "book-reviews")

    assert ended.code == 0
    assert "100 % anna and ben: " in ended.out
    assert "app/shelf.py" in ended.out
    assert "A signal and no verdict" in ended.out


def test_what_was_written_apart_is_no_pair(acidtest: Run, tmp_path: Path) -> None:
    """Two solutions of different people are left alone, and the JSON is written all the same."""
    file = tmp_path / "deep" / "pairs.json"

    ended = acidtest("similar", str(FLASK), str(EXPRESS), "--json", str(file))

    assert ended.code == 0
    assert "No pair is worth a look" in ended.out
    assert json.loads(file.read_text())["format"] == "acidtest/similarity/1"


def test_two_of_one_name_are_told_by_their_paths(acidtest: Run, tmp_path: Path) -> None:
    """Folders of the same name are called by where they lie."""
    one, two = _copy(tmp_path / "x", "service"), _copy(tmp_path / "y", "service")

    ended = acidtest("similar", str(one), str(two))

    assert "x/service" in ended.out.replace("\n", "")
    assert "y/service" in ended.out.replace("\n", "")


def test_one_submission_is_like_nothing(acidtest: Run, tmp_path: Path) -> None:
    """A single submission, the same one twice, and a problem that is not there are refused."""
    one = _copy(tmp_path / "x", "service")

    assert acidtest("similar", str(tmp_path / "x")).code == 2
    assert acidtest("similar", str(one), str(one)).code == 2
    assert acidtest("similar", str(one), str(tmp_path / "none")).code == 2
    assert acidtest("similar", str(one), str(FLASK), "-p", "nothing").code == 2
