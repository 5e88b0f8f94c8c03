from hypothesis import given
from hypothesis import strategies as st

from acidtest.core.result import CheckInfo, CheckResult
from acidtest.core.score import GroupWeight, Score, score
from acidtest.core.verdict import Kind, Status

GROUPS = (
    GroupWeight(name="a", title="A", weight=30),
    GroupWeight(name="b", title="B", weight=10),
)


def info(name: str, group: str, *, weight: float = 1.0, kind: Kind = Kind.SAFETY) -> CheckInfo:
    """A check named `name`."""
    return CheckInfo(
        id=name, requirement="R1", group=group, kind=kind, weight=weight, title="It holds."
    )


CHECKS = (info("a1", "a", weight=2), info("a2", "a"), info("b1", "b"))


def scored(share: float | None = None, **statuses: Status) -> Score:
    """The score when the checks have these verdicts."""
    results = {
        name: CheckResult(check=name, status=status, share=share)
        for name, status in statuses.items()
    }
    return score(GROUPS, CHECKS, results)


def test_all_passed_is_a_hundred() -> None:
    """A service that passes everything has 100 points and costs nothing."""
    result = scored(a1=Status.PASS, a2=Status.PASS, b1=Status.PASS)

    assert result.points == 100
    assert result.costs == {}


def test_a_failure_costs_its_share_of_its_group() -> None:
    """A check of weight 2 in 3, in a group worth three quarters, costs half of everything."""
    result = scored(a1=Status.FAIL, a2=Status.PASS, b1=Status.PASS)

    assert result.points == 50
    assert result.costs == {"a1": 50}


def test_what_nobody_can_tell_costs_nothing() -> None:
    """An unknown verdict leaves the denominator and is shown as such."""
    result = scored(a1=Status.PASS, a2=Status.PASS, b1=Status.UNKNOWN)

    assert result.points == 100
    assert result.unknown_share == 0.25
    assert result.groups[1].untold == 25


def test_much_void_gives_no_score() -> None:
    """When the judge broke on more than a twentieth of the weight, there is no score at all."""
    result = scored(a1=Status.PASS, a2=Status.PASS, b1=Status.VOID)

    assert result.points is None


def test_what_does_not_apply_hands_its_weight_to_its_group() -> None:
    """A check that does not apply makes the others of its group worth more, not the group less."""
    result = scored(a1=Status.NOT_APPLICABLE, a2=Status.FAIL, b1=Status.PASS)

    assert result.points == 25
    assert result.costs == {"a2": 75}


def test_a_group_without_applicable_checks_is_left_out() -> None:
    """When nothing of a group applies, the other groups are the whole."""
    result = scored(a1=Status.PASS, a2=Status.PASS, b1=Status.NOT_APPLICABLE)

    assert result.points == 100
    assert result.groups[1].possible == 0


def test_a_skipped_check_earns_nothing() -> None:
    """What rests on something that did not hold is no pass."""
    result = scored(a1=Status.FAIL, a2=Status.SKIPPED, b1=Status.PASS)

    assert result.points == 25


def test_partial_earns_its_share() -> None:
    """A partial verdict earns the stated share of its weight."""
    result = scored(0.5, a1=Status.PARTIAL, a2=Status.PASS, b1=Status.PASS)

    assert result.points == 75
    assert result.costs == {"a1": 25}


def test_advice_carries_no_points() -> None:
    """A failed advisory check changes no score."""
    checks = (info("a1", "a"), info("hint", "a", kind=Kind.ADVISORY))
    results = {
        "a1": CheckResult(check="a1", status=Status.PASS),
        "hint": CheckResult(check="hint", status=Status.FAIL),
    }

    assert score(GROUPS, checks, results).points == 100


def test_nothing_told_is_no_score() -> None:
    """A run without a single verdict has no score, neither zero nor a hundred."""
    assert score(GROUPS, CHECKS, {}).points is None


@given(st.lists(st.sampled_from(Status), min_size=3, max_size=3))
def test_points_and_costs_add_up(statuses: list[Status]) -> None:
    """Whatever the verdicts, what was earned and what it cost make a hundred together."""
    result = scored(0.3, **dict(zip(("a1", "a2", "b1"), statuses, strict=True)))

    if result.points is not None:
        assert abs(result.points + sum(result.costs.values()) - 100) < 0.1
