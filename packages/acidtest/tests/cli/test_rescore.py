"""`acidtest rescore`: the same run under other weights, without running it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]


@pytest.fixture
def graded(acidtest: Run, player: Any) -> Any:
    """A run that was graded before; nothing may be run after it."""
    acidtest("grade", "here", "--problem", "book-reviews", "--local-unsafe")
    player.requests.clear()
    return player


def test_a_kept_run_is_weighed_with_another_profile(
    acidtest: Run, graded: Any, tmp_path: Path
) -> None:
    """The areas are those of the profile asked for, in the terminal and in the file."""
    target = tmp_path / "weighed.json"

    ended = acidtest("rescore", graded.sample.RUN, "--profile", "seed-004", "--json", str(target))

    assert ended.code == 0
    assert not graded.requests
    assert "Weighed as seed-004 says" in ended.out
    assert "Collaboration and explanation" in ended.out
    assert json.loads(target.read_text())["assessment"]["profile"] == "seed-004"


def test_a_file_is_weighed_as_its_problem_says(acidtest: Run, graded: Any, tmp_path: Path) -> None:
    """Without a profile the problem's own counts, also for a judgement from elsewhere."""
    path = tmp_path / "judgement.json"
    path.write_text(graded.judgement.model_dump_json())

    assert "Weighed as seed-001 says" in acidtest("rescore", str(path)).out


@pytest.mark.parametrize(
    ("words", "said"),
    [(["nothing"], "neither a file nor a kept run"), (["RUN", "--profile", "x"], "no profile 'x'")],
)
def test_what_is_not_there_is_named(
    acidtest: Run, graded: Any, words: list[str], said: str
) -> None:
    """A run or a profile that does not exist is a mistake of the caller's, with what there is."""
    ended = acidtest("rescore", *(graded.sample.RUN if w == "RUN" else w for w in words))

    assert ended.code == 2
    assert said in " ".join(ended.err.split())


def test_a_file_that_cannot_be_written_is_named(acidtest: Run, graded: Any, tmp_path: Path) -> None:
    """A target below a file is a mistake of the caller's, and no breakage of ours."""
    (tmp_path / "taken").write_text("")

    ended = acidtest("rescore", graded.sample.RUN, "--json", str(tmp_path / "taken" / "x.json"))

    assert ended.code == 2
    assert "cannot be written" in " ".join(ended.err.split())
