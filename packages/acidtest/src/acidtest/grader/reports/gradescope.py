"""Gradescope's results.json: the score of 100, areas and checks, hidden checks hidden.

A run that says nothing about the submission has no score, so that Gradescope calls the autograder
failed, and nobody is held to it.
"""

import json
from typing import Any

from acidtest.core.judgement import Judgement, Outcome
from acidtest.grader.reports.courses import Line, explained, lines
from acidtest.grader.reports.losses import total

_NOT_COUNTED = {"unknown", "void", "skipped", "not_applicable"}


def render(judgement: Judgement) -> str:
    """Return `judgement` as the results file of a Gradescope autograder."""
    judged = judgement.outcome is Outcome.JUDGED
    results: dict[str, Any] = {
        "execution_time": round(judgement.seconds),
        "output": explained(judgement),
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": [_test(line) for line in lines(judgement)] if judged else [],
        "extra_data": {
            "run": judgement.run,
            "problem": judgement.problem.slug,
            "outcome": judgement.outcome.value,
        },
    }
    # What does not run earns nothing, however well its files read.
    score = total(judgement) if judged else _unjudged(judgement)
    if score is not None:
        results = {"score": round(score, 2), **results}
    return json.dumps(results, indent=2, ensure_ascii=False) + "\n"


def _unjudged(judgement: Judgement) -> float | None:
    return None if judgement.outcome is Outcome.VOID else 0.0


def _test(line: Line) -> dict[str, Any]:
    test: dict[str, Any] = {"name": line.name, "output": line.output, "tags": [line.tag]}
    if line.possible:
        test |= {"score": round(line.earned, 2), "max_score": round(line.possible, 2)}
    if line.tag not in _NOT_COUNTED:
        test["status"] = "passed" if line.passed else "failed"
    test["visibility"] = "hidden" if line.hidden else "visible"
    return test
