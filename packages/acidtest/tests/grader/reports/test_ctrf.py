"""The CTRF document keeps the format's own schema, and its counts are true."""

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import pytest

from acidtest.core.judgement import Judgement, Outcome
from acidtest.grader.reports import ctrf

_SCHEMA = json.loads((Path(__file__).parent / "formats" / "ctrf-0.0.schema.json").read_text())


def _read(judgement: Judgement) -> dict[str, Any]:
    document = json.loads(ctrf.render(judgement))
    jsonschema.Draft7Validator(
        _SCHEMA, format_checker=jsonschema.Draft7Validator.FORMAT_CHECKER
    ).validate(document)
    results: dict[str, Any] = document["results"]
    summary, tests = results["summary"], results["tests"]
    for status in ("passed", "failed", "skipped", "pending", "other"):
        assert summary[status] == sum(test["status"] == status for test in tests)
    assert summary["tests"] == len(tests)
    return results


@pytest.fixture(scope="module")
def results(sample: ModuleType, coded: ModuleType) -> dict[str, Any]:
    """The results of the sample whose files were read."""
    return _read(coded.judgement(sample))


def _test(results: dict[str, Any], check: str) -> dict[str, Any]:
    return next(test for test in results["tests"] if test["testId"] == check)


def test_each_check_is_a_test_in_the_plans_order(
    results: dict[str, Any], sample: ModuleType
) -> None:
    """Every check that has a verdict is there once."""
    assert [test["testId"] for test in results["tests"]] == [c.id for c in sample.checks()]


@pytest.mark.parametrize(
    ("check", "status", "raw"),
    [
        ("books_are_listed", "passed", "pass"),
        ("isbn_race_has_one_winner", "failed", "fail"),
        ("errors_give_nothing_away", "failed", "partial"),
        ("stampede_is_bounded", "other", "unknown"),
        ("text_survives", "other", "void"),
        ("cache_is_used_again", "skipped", "skipped"),
        ("pages_give_every_book_once", "skipped", "not_applicable"),
        ("readme_says_how", "other", "fail"),
    ],
)
def test_only_what_the_submission_did_fails(
    results: dict[str, Any], check: str, status: str, raw: str
) -> None:
    """Advice, what could not be told and our own trouble fail nobody's build."""
    test = _test(results, check)

    assert (test["status"], test["rawStatus"]) == (status, raw)


def test_a_failure_tells_how_to_see_it(results: dict[str, Any]) -> None:
    """Requirement, observation and command are in the trace, and the price beside it."""
    test = _test(results, "isbn_race_has_one_winner")

    assert "acidtest replay 20261121-101512-7f3a/isbn_race_has_one_winner" in test["trace"]
    assert "Observed: 201 from replica-1" in test["trace"]
    assert test["extra"]["pointsLost"] > 0
    assert _test(results, "silent_cache_costs_a_second")["retries"] == 1


def test_the_areas_are_there_for_whoever_looks(results: dict[str, Any]) -> None:
    """The total and its areas stand beside the counts."""
    extra = results["summary"]["extra"]

    assert extra["points"] == 49
    assert extra["areas"]["code"]["possible"] > extra["areas"]["code"]["earned"] > 0


@pytest.mark.parametrize(
    ("outcome", "status"),
    [(Outcome.NOT_BUILT, "failed"), (Outcome.NOT_STARTED, "failed"), (Outcome.VOID, "other")],
)
def test_a_run_without_checks_is_one_test(
    sample: ModuleType, outcome: Outcome, status: str
) -> None:
    """What was not judged is one test that failed, or one that nobody could tell."""
    results = _read(sample.unjudged(outcome))

    assert [test["status"] for test in results["tests"]] == [status]
