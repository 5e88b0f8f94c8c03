"""`acidtest problems`: the catalogue as a candidate sees it."""

from collections.abc import Callable
from typing import Any

import pytest

from acidtest.cli.problems import statement

Run = Callable[..., Any]


@pytest.mark.parametrize("arguments", [("problems",), ("problems", "list")])
def test_problems_are_listed(acidtest: Run, arguments: tuple[str, ...]) -> None:
    """Each problem has a line with its level, time, needs and title."""
    ended = acidtest(*arguments)

    (line,) = [row for row in ended.out.splitlines() if row.startswith("book-reviews")]
    assert line.split() == [
        "book-reviews",
        "L2",
        "16",
        "h",
        "postgres,",
        "redis",
        "Book",
        "reviews",
    ]
    assert ended.code == 0


def test_the_statement_is_shown_as_it_is(acidtest: Run) -> None:
    """Into a pipe the statement goes as it was written."""
    assert (
        acidtest("problems", "show", "book-reviews").out.strip()
        == statement("book-reviews").strip()
    )


def test_an_unknown_problem_names_those_there_are(acidtest: Run) -> None:
    """A problem that does not exist ends with 2 and the list of those that do."""
    ended = acidtest("problems", "show", "nope")

    assert ended.code == 2
    assert "book-reviews" in ended.err
