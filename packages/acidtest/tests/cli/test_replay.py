"""`acidtest replay`: the same check, the same seed, the same submission."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from acidtest.core.verdict import Status

Run = Callable[..., Any]
CHECK = "isbn_race_has_one_winner"


@pytest.fixture
def graded(acidtest: Run, player: Any) -> Any:
    """A run that was graded before, with the player ready for the next."""
    acidtest("grade", "here", "--problem", "book-reviews", "--local-unsafe")
    player.requests.clear()
    return player


def _with_status(player: Any, status: Status) -> None:
    rows = tuple(
        row.model_copy(update={"status": status}) if row.check == CHECK else row
        for row in player.judgement.results
    )
    player.judgement = player.judgement.model_copy(update={"results": rows, "run": "again"})


def test_the_same_is_asked_again(acidtest: Run, graded: Any) -> None:
    """The request names the check, the seed, the source and the isolation of the run before."""
    acidtest("replay", f"{graded.sample.RUN}/{CHECK}")

    (request,) = graded.requests
    assert request.only == (CHECK,)
    assert request.seed == graded.judgement.options.seed
    assert (request.source, request.driver, request.allow_unsafe) == ("here", "local-unsafe", True)


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (Status.FAIL, 1, "It fails."),
        (Status.PASS, 0, "It passes now."),
        (Status.UNKNOWN, 1, "Nobody could tell"),
        (Status.VOID, 4, "The judge itself broke"),
    ],
)
def test_the_ending_says_what_came_of_it(
    acidtest: Run, graded: Any, status: Status, code: int, words: str
) -> None:
    """The exit code and the last words follow the verdict."""
    _with_status(graded, status)

    ended = acidtest("replay", CHECK)

    assert ended.code == code
    assert words in ended.out


def test_a_changed_submission_is_noticed(acidtest: Run, graded: Any) -> None:
    """Where the files are not those judged before, it is said."""
    ref = graded.judgement.submission.model_copy(update={"digest": "0" * 64})
    graded.judgement = graded.judgement.model_copy(update={"submission": ref, "run": "again"})

    assert "its files have changed" in acidtest("replay", CHECK).out


def test_a_bare_judgement_needs_its_submission(
    acidtest: Run, graded: Any, state: Path, tmp_path: Path
) -> None:
    """A judgement.json alone does not know where the submission is, until --from says it."""
    file = tmp_path / "judgement.json"
    file.write_bytes((state / "reports" / graded.sample.RUN / "judgement.json").read_bytes())

    refused = acidtest("replay", f"{file}#{CHECK}")
    acidtest("replay", f"{file}#{CHECK}", "--from", str(tmp_path))

    assert refused.code == 2
    assert "--from" in refused.err
    (request,) = graded.requests
    assert request.source == str(tmp_path)
    assert not request.allow_unsafe
