"""Requests of a load in canonical names, and where a value lies in an answer."""

import json
import random
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from acidtest.catalogue.problem import Problem
from acidtest.core.errors import PackageError
from acidtest.core.evidence import LoadRecord
from acidtest.grader.load import Calibration, LoadResult
from acidtest.grader.sdk import Env, Failed, ObjectiveSpec, Voided, expect_objective, place_of
from acidtest.grader.sdk._load import Loading

TINY = Path(__file__).parent.parent / "tiny" / "problem.yaml"


class StillDialect:
    """A service that speaks as the statement does, but for its forms."""

    def __init__(self, problem: Problem, *, form: bool = False) -> None:
        self.problem = problem
        self._form = form

    def path(self, operation: str, **ids: str) -> str:
        """The path with its ids."""
        return f"/{operation}/{'/'.join(ids.values())}".rstrip("/")

    def method(self, operation: str) -> str:
        """The method of the statement."""
        return self.problem.operations[operation].method

    def body(self, _operation: str, canonical: dict[str, Any]) -> tuple[bytes, str]:
        """JSON, or a form with one place."""
        if self._form:
            return b"text=%24%7Bword%7D", "application/x-www-form-urlencoded"
        return json.dumps(canonical).encode(), "application/json"


class StillEnv:
    """Enough of an env to make requests."""

    def __init__(self, dialect: StillDialect) -> None:
        self.dialect = dialect
        self._dice = random.Random(7)

    def word(self, length: int) -> str:
        """A word nothing else contains."""
        return "".join(self._dice.choices("bcdfg", k=length))


def _loading(*, form: bool = False) -> Loading:
    facts = yaml.safe_load(TINY.read_text())
    facts["operations"]["create_note"] |= {"auth": "bearer", "keyed": True}
    facts |= {"slug": "tiny", "groups": [], "loads": {"mixed": {"rate": 10, "seconds": 1}}}
    env = StillEnv(StillDialect(Problem.model_validate(facts), form=form))
    return Loading(cast("Env", env), cast("Any", None), lambda _text: None)


def test_a_request_is_made_of_an_operation() -> None:
    """Path, body, token and key come from the operation; places stay places."""
    request = _loading().request(
        "create_note",
        {"text": "${word}", "stars": "${stars}"},
        ids={"note_id": "${note_id}"},
        query="limit=5",
        numbers=("stars",),
        expect=(201,),
    )

    assert (request.name, request.method) == ("create_note", "POST")
    assert request.path == "/create_note/${note_id}?limit=5"
    assert request.body == '{"text": "${word}", "stars": ${stars}}'
    assert request.headers == {
        "Content-Type": "application/json",
        "Authorization": "Bearer ${token}",
        "Idempotency-Key": "${uuid}",
    }


def test_a_place_in_a_form_stays_a_place() -> None:
    """A service that takes forms gets the value and not its percent-encoded name."""
    request = _loading(form=True).request("create_note", {"text": "${word}"})

    assert request.body == "text=${word}"


def test_headers_that_are_given_win() -> None:
    """A check may send another token."""
    request = _loading().request("create_note", headers={"Authorization": "none"}, name="other")

    assert (request.name, request.headers["Authorization"]) == ("other", "none")


def test_a_profile_that_is_not_there_is_named() -> None:
    """An unknown load is the package's mistake, and those that exist are told."""
    loading = _loading()

    assert loading.profile("mixed").rate == 10
    with pytest.raises(PackageError, match="no load 'none'; there are: mixed"):
        loading.profile("none")


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ({"id": 7}, "id"),
        ({"data": {"id": "7"}}, "data.id"),
        ({"items": [{"n": 1}, {"id": 7}]}, "items.1.id"),
        ({"id": 8}, None),
        ([[[]]], None),
    ],
)
def test_the_place_of_a_value_is_found(value: Any, place: str | None) -> None:
    """A path as plans write it, whatever the envelope."""
    assert place_of(value, 7) == place


def _result(**changes: Any) -> LoadResult:
    levels = {"50": 10.0, "95": 300.0, "99": 400.0}
    given = {
        "at": 1.0, "name": "mixed", "warm_up": 0, "seconds": 10, "asked": 100, "achieved": 100,
        "requests": 1000, "good": 1000, "failed": 0, "percentiles": levels, "from_sending": levels,
        "lateness": {"50": 0.1, "99": 1.0}, "busy": 0.3, "foreign": 0.0, "judge": 0.1,
        "pressure": 0.1, "percentile": 95, "limit": 200, "error_share": 0.001, **changes,
    }  # fmt: skip
    record = LoadRecord.model_validate(given)
    return LoadResult(record=record, calibration=Calibration(1, 1, 1, 1))


def test_an_objective_that_is_broken_fails_with_figures() -> None:
    """The failure says what was asked for and what was measured."""
    with pytest.raises(Failed) as failed:
        expect_objective(_result(), "Too slow")

    assert failed.value.expected.startswith("95 % of the answers within 200 ms")
    assert "p95 300.0 ms" in failed.value.observed


def test_what_nobody_can_tell_is_void() -> None:
    """Where others took the processors, nothing is said about the service."""
    record = _result(foreign=0.6, doubts=("others used 60 % of the machine's processors",)).record

    with pytest.raises(Voided, match="others used 60 %"):
        expect_objective(LoadResult(record=record), "Too slow")


def test_an_objective_that_holds_says_nothing() -> None:
    """Within the limit nothing is raised; a limit of the check's own wins over the profile's."""
    expect_objective(_result(limit=500), "Too slow")
    expect_objective(_result(), "Too slow", objective=ObjectiveSpec(limit_ms=400))
