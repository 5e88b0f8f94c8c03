"""PrairieLearn's results.json of an external grader: a share of one, and a row for each area.

PrairieLearn shows a student all that is in the file, so hidden checks are one row without names.
What could not be built, and a run in which we broke, is not gradable: it costs no attempt.
"""

import json
from collections.abc import Sequence
from typing import Any

from acidtest.core.judgement import Judgement, Outcome
from acidtest.grader.reports.courses import Line, explained, lines
from acidtest.grader.reports.losses import total

MOST_BYTES = 900_000
"""PrairieLearn takes a megabyte."""

_SHORT = 300


def render(judgement: Judgement) -> str:
    """Return `judgement` as the results file of an external grader."""
    points = total(judgement)
    told = explained(judgement)
    if judgement.outcome is not Outcome.JUDGED or points is None:
        refused = {"gradable": False, "score": 0.0, "message": told, "format_errors": [told]}
        return json.dumps(refused, indent=2, ensure_ascii=False) + "\n"
    rows = lines(judgement)
    tests = [*(_test(row) for row in rows if not row.hidden), *_hidden(rows)]
    results = {
        "gradable": True,
        "score": round(points / 100, 4),
        "message": told,
        "tests": tests,
    }
    text = json.dumps(results, indent=2, ensure_ascii=False) + "\n"
    if len(text.encode()) > MOST_BYTES:
        short = [{**test, "output": test["output"][:_SHORT]} for test in tests]
        text = json.dumps({**results, "tests": short}, indent=2, ensure_ascii=False) + "\n"
    return text


def _test(row: Line) -> dict[str, Any]:
    return {
        "name": row.name,
        "points": round(row.earned, 2),
        "max_points": round(row.possible, 2),
        "message": "" if row.possible else row.tag.replace("_", " "),
        "output": row.output,
    }


def _hidden(rows: Sequence[Line]) -> list[dict[str, Any]]:
    secret = [row for row in rows if row.hidden]
    if not secret:
        return []
    return [
        {
            "name": "Checks that are not shown",
            "points": round(sum(row.earned for row in secret), 2),
            "max_points": round(sum(row.possible for row in secret), 2),
            "message": f"{sum(row.passed for row in secret)} of {len(secret)} passed",
            "output": "",
        }
    ]
