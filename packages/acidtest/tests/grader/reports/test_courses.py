"""Gradescope and PrairieLearn get rows whose points add up, and nothing of what is hidden."""

import json
from collections.abc import Callable
from types import ModuleType
from typing import Any

import jsonschema
import pytest

from acidtest.core.judgement import Judgement, Outcome
from acidtest.grader.reports import gradescope, prairielearn

_TEXT = {"type": "string"}
_GRADESCOPE = {
    "type": "object",
    "required": ["output", "tests"],
    "additionalProperties": False,
    "properties": {
        "score": {"type": "number", "minimum": 0, "maximum": 100},
        "execution_time": {"type": "integer"},
        "output": _TEXT,
        "output_format": {"const": "text"},
        "test_output_format": {"const": "text"},
        "test_name_format": {"const": "text"},
        "visibility": {"enum": ["hidden", "after_due_date", "after_published", "visible"]},
        "stdout_visibility": {"enum": ["hidden", "after_due_date", "after_published", "visible"]},
        "extra_data": {"type": "object"},
        "tests": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "score": {"type": "number"},
                    "max_score": {"type": "number"},
                    "status": {"enum": ["passed", "failed"]},
                    "name": _TEXT,
                    "output": _TEXT,
                    "tags": {"type": "array", "items": _TEXT},
                    "visibility": {"enum": ["hidden", "visible"]},
                },
            },
        },
    },
}
"""What Gradescope's specification of results.json knows, as far as it is used."""
_PRAIRIELEARN = {
    "type": "object",
    "required": ["gradable", "score"],
    "additionalProperties": False,
    "properties": {
        "gradable": {"type": "boolean"},
        "score": {"type": "number", "minimum": 0, "maximum": 1},
        "message": _TEXT,
        "format_errors": {"type": "array", "items": _TEXT},
        "tests": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "points", "max_points", "message", "output"],
                "additionalProperties": False,
                "properties": {
                    "name": _TEXT,
                    "points": {"type": "number", "minimum": 0},
                    "max_points": {"type": "number", "minimum": 0},
                    "message": _TEXT,
                    "output": _TEXT,
                },
            },
        },
    },
}
"""What PrairieLearn's external grading knows, as far as it is used."""


def _gradescope(judgement: Judgement) -> dict[str, Any]:
    results: dict[str, Any] = json.loads(gradescope.render(judgement))
    jsonschema.validate(results, _GRADESCOPE)
    return results


def _prairielearn(judgement: Judgement) -> dict[str, Any]:
    results: dict[str, Any] = json.loads(prairielearn.render(judgement))
    jsonschema.validate(results, _PRAIRIELEARN)
    return results


@pytest.fixture(scope="module")
def weighed(sample: ModuleType, coded: ModuleType) -> Judgement:
    """The sample whose files were read, with a hidden check that failed."""
    judgement: Judgement = coded.judgement(sample)
    return judgement


@pytest.fixture(scope="module")
def plain(weighed: Judgement) -> Judgement:
    """The same without a profile: the checks alone."""
    return weighed.model_copy(update={"assessment": None, "findings": (), "marks": ()})


def test_the_words_of_both(weighed: Judgement, snapshot: Callable[[str, str], None]) -> None:
    """Everything a student may read."""
    snapshot("gradescope.json.txt", gradescope.render(weighed))
    snapshot("prairielearn.json.txt", prairielearn.render(weighed))


def test_points_of_checks_add_up_to_the_score(plain: Judgement) -> None:
    """Without a profile each check has its points, and together they are the score."""
    results = _gradescope(plain)

    earned = sum(test.get("score", 0) for test in results["tests"])
    possible = sum(test.get("max_score", 0) for test in results["tests"])
    assert results["score"] == plain.score.points
    assert earned == pytest.approx(plain.score.points, abs=0.3)
    assert possible == pytest.approx(100, abs=0.3)
    rows = _prairielearn(plain)["tests"]
    assert sum(row["points"] for row in rows) == pytest.approx(earned, abs=0.1)


def test_points_of_areas_add_up_before_the_ceiling(weighed: Judgement) -> None:
    """With a profile the areas have the points and the checks none; the ceiling is said."""
    assert weighed.assessment
    results = _gradescope(weighed)

    scored = [test for test in results["tests"] if "score" in test]
    assert {tuple(test["tags"]) for test in scored} == {("area",)}
    assert sum(t["score"] for t in scored) == pytest.approx(
        sum(area.earned for area in weighed.assessment.areas), abs=0.1
    )
    assert results["score"] == 49
    assert "Bounded at 49.0" in results["output"]
    assert _prairielearn(weighed)["score"] == 0.49


def test_hidden_checks_stay_hidden(weighed: Judgement, coded: ModuleType) -> None:
    """Gradescope is told to hide them, and no other row speaks of them."""
    title = next(info.title for info in weighed.checks if info.id == coded.HIDDEN_CHECK)
    results = _gradescope(weighed)

    seen = [test for test in results["tests"] if test["visibility"] == "visible"]
    (secret,) = [test for test in results["tests"] if test["visibility"] == "hidden"]
    assert title in secret["name"]
    assert title not in json.dumps([seen, results["output"]])
    assert "arrived together" not in json.dumps([seen, results["output"]])
    assert "checks that are not shown" in json.dumps(seen)


def test_prairielearn_names_no_hidden_check(weighed: Judgement, coded: ModuleType) -> None:
    """It would show all of the file, so the file does not hold them."""
    text = prairielearn.render(weighed)

    title = next(info.title for info in weighed.checks if info.id == coded.HIDDEN_CHECK)
    assert title not in text
    assert coded.HIDDEN_CHECK not in text
    assert "Checks that are not shown" in text


def test_what_nobody_could_tell_is_not_failed(weighed: Judgement) -> None:
    """Unknown, void, skipped and inapplicable checks have no status of their own."""
    rows = {tuple(test["tags"]): test for test in _gradescope(weighed)["tests"]}

    assert all("status" not in rows[(tag,)] for tag in ("unknown", "void", "not_applicable"))
    assert rows[("fail",)]["status"] == "failed"


@pytest.mark.parametrize("outcome", [Outcome.NOT_BUILT, Outcome.NOT_STARTED])
def test_what_does_not_run_scores_nothing_and_costs_no_attempt(
    sample: ModuleType, outcome: Outcome
) -> None:
    """Gradescope gives nothing, PrairieLearn calls it not gradable; both say why."""
    unjudged = sample.unjudged(outcome)

    assert _gradescope(unjudged)["score"] == 0
    refused = _prairielearn(unjudged)
    assert refused["gradable"] is False
    assert unjudged.message in refused["message"]
    assert "\x1b" not in json.dumps(refused, ensure_ascii=False)


def test_our_own_trouble_gives_no_score(sample: ModuleType) -> None:
    """A void run has no score to hold anybody to."""
    void = sample.unjudged(Outcome.VOID)

    assert "score" not in _gradescope(void)
    assert _prairielearn(void)["gradable"] is False


def test_a_file_stays_below_a_megabyte(plain: Judgement) -> None:
    """However much was observed, PrairieLearn can read the file."""
    long = tuple(row.model_copy(update={"message": "ä" * 9_000}) for row in plain.results)
    many = tuple(
        info.model_copy(update={"id": f"{info.id}_{number}"})
        for number in range(8)
        for info in plain.checks
    )
    results = tuple(
        row.model_copy(update={"check": f"{row.check}_{number}"})
        for number in range(8)
        for row in long
    )
    huge = plain.model_copy(update={"checks": many, "results": results})

    text = prairielearn.render(huge)

    assert len(text.encode()) < 1_000_000
    jsonschema.validate(json.loads(text), _PRAIRIELEARN)
