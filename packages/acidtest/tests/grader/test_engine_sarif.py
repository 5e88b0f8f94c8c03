"""A run that was handed reports of other tools: what they saw is in the judgement."""

import json
from pathlib import Path
from typing import Any

import pytest

from acidtest.core.finding import Severity
from acidtest.core.judgement import Outcome

pytestmark = pytest.mark.lab

# What cannot be built is still read, and needs no service.
UNBUILDABLE = 'stack = "custom"\nhealth = "/health"\nstart = "python3 app.py"\nbuild = "false"\n'


def _result(code: str, line: int) -> dict[str, Any]:
    place = {"artifactLocation": {"uri": "app.py"}, "region": {"startLine": line}}
    return {
        "ruleId": code,
        "message": {"text": f"said by another tool about {code}"},
        "locations": [{"physicalLocation": place}],
    }


def _report(path: Path, *results: dict[str, Any]) -> Path:
    run = {"tool": {"driver": {"name": "Flake8"}}, "results": results}
    path.write_text(json.dumps({"version": "2.1.0", "runs": [run]}))
    return path


async def test_what_another_tool_saw_is_in_the_judgement(stage: Any) -> None:
    """A code that we know costs points by our rule, one that we do not know is a note."""
    source = stage.submission(acidtest=UNBUILDABLE)
    report = _report(stage.folder / "other.sarif", _result("S110", 3), _result("XYZ9", 5))

    judgement = await stage.grade(source, sarif=(report,))

    assert judgement.outcome is Outcome.NOT_BUILT
    told = {f.rule: f for f in judgement.findings if "said by another tool" in f.message}
    assert set(told) == {"errors.swallowed", "foreign.flake8"}
    assert told["foreign.flake8"].severity is Severity.NOTE
    (mark,) = [mark for mark in judgement.marks if mark.criterion == "code.errors"]
    assert told["errors.swallowed"].id in mark.costs
    assert told["foreign.flake8"].id not in mark.costs


async def test_a_report_that_vanished_costs_nothing(stage: Any) -> None:
    """What cannot be read any more is said, and the code is judged all the same."""
    source = stage.submission(acidtest=UNBUILDABLE)

    judgement = await stage.grade(source, sarif=(stage.folder / "gone.sarif",))

    assert any("gone.sarif cannot be read" in note for note in judgement.stage_notes)
    assert {mark.criterion for mark in judgement.marks} >= {"code.errors", "code.complexity"}
