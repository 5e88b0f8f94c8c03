"""`acidtest doctor`: the same code as a run, and plain words about what it understood."""

from collections.abc import Callable
from typing import Any

import pytest

from acidtest.core.judgement import Outcome

Run = Callable[..., Any]


def _dry(player: Any, dialect: dict[str, str]) -> None:
    player.judgement = player.judgement.model_copy(
        update={"checks": (), "results": (), "dialect": dialect}
    )


def test_it_says_what_was_understood(
    acidtest: Run, player: Any, snapshot: Callable[[str, str], None]
) -> None:
    """What was recognised, noticed and found is listed, without a score."""
    _dry(player, {"list_books": "GET /api/v1/books", "book.isbn": "isbn13"})

    ended = acidtest("doctor", ".", "--problem", "book-reviews")

    snapshot("doctor.txt", ended.out[ended.out.index("\nSubmission") :])
    assert ended.code == 0
    assert player.requests[0].dry_run


def test_what_was_not_found_is_said(acidtest: Run, player: Any) -> None:
    """A name of the statement that is not there is listed with what was tried."""
    _dry(player, {"list_books": "GET /books", "create_review": "not found; tried /reviews"})

    ended = acidtest("doctor", ".", "--problem", "book-reviews")

    assert ended.code == 1
    assert "create_review" in ended.out
    assert "[dialect]" in ended.out


@pytest.mark.parametrize("outcome", [Outcome.NOT_BUILT, Outcome.NOT_STARTED])
def test_what_does_not_run_ends_with_three(acidtest: Run, player: Any, outcome: Outcome) -> None:
    """A submission that cannot be built or started shows message, log and advice."""
    player.judgement = player.sample.unjudged(outcome)

    ended = acidtest("doctor", ".", "--problem", "book-reviews")

    assert ended.code == 3
    assert player.judgement.message[1:] in ended.out
    assert "The end of the log" in ended.out


def test_among_several_problems_one_has_to_be_named(acidtest: Run) -> None:
    """Without a problem the command ends as it stands and names those that exist."""
    ended = acidtest("doctor", ".")

    assert ended.code == 2
    assert "book-reviews" in ended.err
    assert "orders" in ended.err
