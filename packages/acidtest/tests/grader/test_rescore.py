"""A kept judgement weighed anew: nothing is asked again, and nothing is lost."""

from datetime import UTC, datetime

import pytest

from acidtest.catalogue.loader import load_problem
from acidtest.catalogue.profiles import load_profile, profile_names
from acidtest.core.errors import UsageError
from acidtest.core.judgement import Judgement, Outcome, ProblemRef, RunOptions, SubmissionRef
from acidtest.core.mark import mark_of
from acidtest.core.result import CheckResult
from acidtest.core.score import GroupWeight, score
from acidtest.core.verdict import Kind, Status
from acidtest.grader.plan import ordered_checks
from acidtest.grader.rescore import rescore

PROBLEM = load_problem("orders")
INFOS = tuple(check.info for check in ordered_checks(PROBLEM))
FAILED = next(info.id for info in INFOS if info.group == "idempotency")


def kept(**changes: object) -> Judgement:
    """A judgement of a run in which one check failed, under weights of another day."""
    infos = tuple(info.model_copy(update={"weight": 1.0}) for info in INFOS)
    groups = tuple(GroupWeight(name=g.name, title=g.title, weight=1) for g in PROBLEM.groups)
    results = tuple(
        CheckResult(check=info.id, status=Status.FAIL if info.id == FAILED else Status.PASS)
        for info in infos
    )
    whole = Judgement(
        run="r",
        acidtest_version="0",
        problem=ProblemRef(slug="orders", version="0", title="Orders"),
        submission=SubmissionRef(label="s"),
        options=RunOptions(seed=1),
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
        seconds=1,
        outcome=Outcome.JUDGED,
        groups=groups,
        checks=infos,
        results=results,
        score=score(groups, infos, {one.check: one for one in results}),
        marks=(mark_of("code.errors", {"f": 0.5}),),
    )
    return whole.model_copy(update=changes)


def test_todays_weights_take_the_place_of_the_kept_ones() -> None:
    """The points are those a run with the same verdicts would get today."""
    before = kept()

    after = rescore(before, PROBLEM, load_profile("seed-001"))

    groups = tuple(
        GroupWeight(name=g.name, title=g.title, weight=g.weight, criterion=g.criterion)
        for g in PROBLEM.groups
    )
    today = score(groups, INFOS, {one.check: one for one in before.results})
    assert after.score.points == today.points != before.score.points
    assert after.results == before.results


@pytest.mark.parametrize("name", profile_names())
def test_every_profile_weighs_it_and_keeps_what_was_read(name: str) -> None:
    """The marks of the files go into each profile, the failed check has its price in it."""
    after = rescore(kept(), PROBLEM, load_profile(name))

    assert after.assessment is not None
    assert after.assessment.profile == name
    priced = {check for area in after.assessment.areas for check in area.costs}
    assert {FAILED, "f"} <= priced


def test_a_safety_rule_that_broke_stops_a_review_in_order() -> None:
    """Seed 003 asks for one correction before anything else; a failed check is one."""
    after = rescore(kept(), PROBLEM, load_profile("seed-003"))

    assert after.assessment is not None
    assert after.assessment.stop is not None
    assert after.assessment.stop.area == "error_handling"
    assert after.assessment.stop.findings[0] == FAILED
    assert after.assessment.points is None


def test_a_judgement_of_another_problem_is_refused() -> None:
    """Weights of one problem say nothing about another."""
    with pytest.raises(UsageError, match="judgement of orders, not of book-reviews"):
        rescore(kept(), load_problem("book-reviews"), load_profile("seed-001"))


@pytest.mark.parametrize(
    "changes",
    [{"outcome": Outcome.VOID}, {"options": RunOptions(seed=1, only=("a",))}],
    ids=["void", "few"],
)
def test_what_was_not_a_whole_run_is_refused(changes: dict[str, object]) -> None:
    """A run that broke, or asked a few checks, has no weight to begin with."""
    with pytest.raises(UsageError, match="Only a whole run"):
        rescore(kept(**changes), PROBLEM, load_profile("seed-001"))


def test_advice_has_no_price() -> None:
    """Checks without points are in no area's costs."""
    after = rescore(kept(), PROBLEM, load_profile("seed-001"))

    assert after.assessment is not None
    advisory = {info.id for info in INFOS if info.kind is Kind.ADVISORY}
    assert not advisory & {check for area in after.assessment.areas for check in area.costs}
