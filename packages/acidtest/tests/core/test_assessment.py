"""Marks and profiles: what is unknown costs nothing, and every lost point has a name."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from acidtest.core.assessment import assess
from acidtest.core.finding import Finding, Place, Severity, numbered
from acidtest.core.mark import Mark, mark_of
from acidtest.core.weights import Area, Cap, Level, Line, Profile

LEVELS = tuple(
    Level(level=number, least=least, title=str(number))
    for number, least in enumerate((0, 40, 60, 80, 92), start=1)
)
WORK, CODE, SPEED = (
    Area(name="work", title="Work", weight=50, lines=(Line(criteria="behaviour.*"),)),
    Area(
        name="code",
        title="Code",
        weight=30,
        lines=(Line(criteria="code.errors", weight=3), Line(criteria="code.*")),
    ),
    Area(
        name="speed",
        title="Speed",
        weight=20,
        lines=(Line(criteria="performance.*"),),
        no_more_than="work",
    ),
)
PROFILE = Profile(name="p", title="P", source="a test", areas=(WORK, CODE, SPEED), levels=LEVELS)
CRITERIA = ("behaviour.data", "behaviour.errors", "code.errors", "code.style", "performance.load")


def finding(criterion: str, severity: Severity, *, confirmed: bool = False) -> Finding:
    """A finding of one criterion, with its id."""
    one = Finding(
        rule="r.x", criterion=criterion, severity=severity, message=criterion, confirmed=confirmed
    )
    return numbered([one])[0]


@st.composite
def some_marks(draw: st.DrawFn) -> list[Mark]:
    """Marks of any criteria, some of which nobody could tell."""
    marks = []
    for number in range(draw(st.integers(0, 8))):
        criterion = draw(st.sampled_from(CRITERIA))
        if draw(st.booleans()):
            costs = draw(
                st.dictionaries(
                    st.sampled_from([f"f{number}a", f"f{number}b"]), st.floats(0.01, 0.9)
                )
            )
            marks.append(mark_of(criterion, costs, weight=draw(st.floats(0.1, 9))))
        else:
            marks.append(Mark(criterion=criterion, reason="nobody looked"))
    return marks


@settings(max_examples=300, deadline=None)
@given(some_marks())
def test_every_point_unfolds_to_what_cost_it(marks: list[Mark]) -> None:
    """Points, what was lost by name and what another area withheld are a hundred together."""
    result = assess(PROFILE, marks)

    told = [mark for mark in marks if mark.share is not None]
    assert (result.points is None) == (not told)
    if result.points is not None:
        lost = sum(sum(row.costs.values()) for row in result.areas)
        # What withholds takes from what was earned, so it is counted once.
        withheld = sum(row.withheld for row in result.areas)
        assert result.points + lost + withheld == pytest.approx(100, abs=0.2)


@settings(max_examples=200, deadline=None)
@given(some_marks())
def test_what_nobody_could_tell_costs_nothing(marks: list[Mark]) -> None:
    """Leaving out the marks without a share changes no point."""
    told = [mark for mark in marks if mark.share is not None]

    assert assess(PROFILE, marks).points == assess(PROFILE, told).points


def test_a_line_that_names_a_criterion_has_it_alone() -> None:
    """A pattern beside it does not count the same mark a second time."""
    marks = [mark_of("code.errors", {"f": 1.0}), mark_of("code.style", {})]

    code = assess(PROFILE, marks).areas[1]

    assert code.costs == {"f": 75.0}


def test_an_area_without_marks_is_named_and_hands_its_weight_on() -> None:
    """The total is of what was assessed, and how much that is stands beside it."""
    result = assess(PROFILE, [mark_of("behaviour.data", {"f": 0.5})])

    assert result.points == 50
    assert result.assessed == 0.5
    assert result.areas[1].unassessed == {"code.errors": "nobody looked", "code.*": "nobody looked"}


def test_what_lost_nothing_is_a_hundred() -> None:
    """Thirds and sevenths of a hundred do not add up to less by being rounded one by one."""
    marks = [mark_of(one, {}) for one in ("behaviour.data", "code.style", "performance.load")]
    thirds = tuple(area.model_copy(update={"weight": 1}) for area in PROFILE.areas)

    assert assess(PROFILE.model_copy(update={"areas": thirds}), marks).points == 100


def test_speed_counts_for_no_more_than_truth() -> None:
    """A fast service with half of its answers wrong earns half of its speed."""
    result = assess(
        PROFILE, [mark_of("behaviour.data", {"f": 0.5}), mark_of("performance.load", {})]
    )

    speed = result.areas[2]
    assert speed.earned == pytest.approx(speed.possible / 2, abs=0.01)
    assert speed.withheld == speed.earned
    assert result.points == pytest.approx(50, abs=0.01)


@pytest.mark.parametrize(
    ("severity", "confirmed", "points"),
    [(Severity.CRITICAL, True, 49), (Severity.CRITICAL, False, 100), (Severity.MAJOR, True, 100)],
)
def test_only_a_confirmed_critical_finding_caps(
    *, severity: Severity, confirmed: bool, points: float
) -> None:
    """What was only read, and what is less than critical, bounds nothing."""
    cap = Cap(criteria="security.*", points=49, reason="open door")
    profile = PROFILE.model_copy(update={"caps": (cap,)})
    found = finding("security.secrets", severity, confirmed=confirmed)

    result = assess(profile, [mark_of("behaviour.data", {})], findings=[found])

    assert result.points == points
    assert (result.ceiling is not None) == (points < 100)


def test_a_cap_above_the_points_is_not_in_force() -> None:
    """What is below the bound anyway is not told that it was bounded."""
    cap = Cap(criteria="security.*", points=49, reason="open door")
    profile = PROFILE.model_copy(update={"caps": (cap,)})
    found = finding("security.secrets", Severity.CRITICAL, confirmed=True)

    result = assess(profile, [mark_of("behaviour.data", {"f": 0.9})], findings=[found])

    assert (result.points, result.ceiling) == (10, None)


def test_a_review_in_order_stops_at_the_first_major_issue() -> None:
    """Minor findings are passed by, what comes after a major one is not the first thing to mend."""
    minor = finding("behaviour.data", Severity.MINOR)
    major = finding("code.errors", Severity.MAJOR)
    late = finding("performance.load", Severity.CRITICAL)
    profile = PROFILE.model_copy(update={"stops_at": Severity.MAJOR})
    marks = [mark_of(one.criterion, {one.id: 0.5}) for one in (minor, major, late)]

    result = assess(profile, marks, findings=[minor, major, late])

    assert result.points is None
    assert result.stop is not None
    assert (result.stop.area, result.stop.findings) == ("code", (major.id,))


@pytest.mark.parametrize(("points", "level"), [(100, 5), (92, 5), (91.99, 4), (60, 3), (0, 1)])
def test_levels_begin_at_their_least_points(points: float, level: int) -> None:
    """The scale of five is read off the points as they are shown."""
    result = assess(PROFILE, [mark_of("behaviour.data", {"f": 1 - points / 100})])

    assert result.level == level


def test_costs_that_do_not_add_up_are_refused() -> None:
    """A mark that lost something without a name cannot be made."""
    with pytest.raises(ValidationError, match="not what is missing"):
        Mark(criterion="code.style", share=0.5)


def test_costs_beyond_everything_keep_their_proportion() -> None:
    """More cannot be lost than there is."""
    mark = mark_of("code.style", {"a": 3.0, "b": 1.0})

    assert (mark.share, mark.costs) == (0, {"a": 0.75, "b": 0.25})


def test_a_finding_keeps_its_id_when_lines_move() -> None:
    """Line, indentation and message do not name a finding; what is written there does."""

    def at(line: int, quote: str, file: str = "a.py") -> Finding:
        place = Place(file=file, line=line, quote=quote)
        return Finding(
            rule="r.x", criterion="code.x", severity=Severity.MINOR, message=str(line), place=place
        )

    before = numbered([at(3, "except Exception: pass")])[0]
    after = numbered([at(9, "  except  Exception:\n pass")])[0]
    twice = numbered([at(3, "pass"), at(8, "pass"), at(3, "pass", "b.py")])

    assert before.id == after.id
    assert len({one.id for one in twice}) == 3
