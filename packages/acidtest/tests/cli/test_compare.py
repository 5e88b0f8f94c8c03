"""`acidtest compare`: kept runs and files side by side."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from acidtest.grader.reports import write_json

Run = Callable[..., Any]


@pytest.fixture
def kept(acidtest: Run, player: Any) -> str:
    """The id of a kept run."""
    acidtest("grade", "here", "--problem", "book-reviews")
    run: str = player.judgement.run
    return run


def test_a_kept_run_and_a_file_are_compared(
    acidtest: Run, player: Any, kept: str, tmp_path: Path
) -> None:
    """Both are columns, and the page is written where it was asked for."""
    file, page = tmp_path / "other.json", tmp_path / "deep" / "page.html"
    write_json(player.judgement, file)

    ended = acidtest("compare", kept, str(file), "--html", str(page))

    assert ended.code == 0
    assert "Book reviews: side by side" in ended.out
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert str(page) in ended.out


def test_what_is_not_there_is_said(acidtest: Run, kept: str, tmp_path: Path) -> None:
    """A name that is neither a run nor a file, and a file that is no judgement, are named."""
    (tmp_path / "x.json").write_text("{}")

    missing = acidtest("compare", kept, "20200101-000000-ffff")
    broken = acidtest("compare", kept, str(tmp_path / "x.json"))

    assert (missing.code, broken.code) == (2, 2)
    assert "neither a file nor a kept run" in missing.err
    assert "is not a judgement" in broken.err


def test_one_is_not_enough(acidtest: Run, kept: str) -> None:
    """Comparing takes two."""
    assert acidtest("compare", kept).code == 2


def test_a_page_that_cannot_be_written_is_said(acidtest: Run, kept: str, tmp_path: Path) -> None:
    """A file in a place that cannot be is named."""
    (tmp_path / "file").touch()

    ended = acidtest("compare", kept, kept, "--html", str(tmp_path / "file" / "x.html"))

    assert ended.code == 2
    assert "x.html cannot be written" in ended.err
