"""The picture of a timeline: nothing overlaps, nothing leaves the frame, silence is folded."""

from itertools import pairwise
from types import ModuleType

import pytest

from acidtest.core.evidence import Evidence, HttpExchange, LogLine, Moment, Note, SqlStatement
from acidtest.grader.reports import picture

FINDINGS = (
    "isbn_race_has_one_winner",
    "list_statements_stay_level",
    "silent_cache_costs_a_second",
    "old_list_cannot_come_back",
    "errors_give_nothing_away",
)


def _picture(sample: ModuleType, check: str) -> picture.Picture:
    rows = {row.check: row.evidence for row in sample.results()}
    evidence: Evidence = rows[check]
    drawn = picture.draw(evidence.timeline)
    assert drawn
    return drawn


@pytest.mark.parametrize("check", FINDINGS)
def test_bars_of_a_row_do_not_overlap(sample: ModuleType, check: str) -> None:
    """Two bars on one row of one lane never cover each other."""
    for lane in _picture(sample, check).lanes:
        for row in {bar.y for bar in lane.bars}:
            bars = sorted((bar for bar in lane.bars if bar.y == row), key=lambda bar: bar.x)
            assert all(a.x + a.width <= b.x for a, b in pairwise(bars))


@pytest.mark.parametrize("check", FINDINGS)
def test_everything_stays_in_the_frame(sample: ModuleType, check: str) -> None:
    """No bar begins or ends outside the picture, and lanes lie below each other."""
    drawn = _picture(sample, check)

    for lane in drawn.lanes:
        assert all(bar.x >= 0 and bar.x + bar.width <= picture.WIDTH for bar in lane.bars)
        assert all(lane.y < bar.y < lane.rule for bar in lane.bars)
    assert drawn.lanes[-1].rule < drawn.axis < drawn.height


def test_lanes_are_by_kind_and_replica(sample: ModuleType) -> None:
    """Requests and statements of each replica have a lane, under what the judge did."""
    titles = [lane.title for lane in _picture(sample, "isbn_race_has_one_winner").lanes]

    assert titles == [
        "What the judge did",
        "Requests · replica-1",
        "Requests · replica-2",
        "SQL · replica-1",
        "SQL · replica-2",
        "Redis · replica-1",
        "Log · replica-2",
    ]


def test_a_long_silence_is_folded_and_said(sample: ModuleType) -> None:
    """Eleven idle seconds after a stall take a fold with their length, not half of the picture."""
    drawn = _picture(sample, "silent_cache_costs_a_second")

    assert [fold.label for fold in drawn.scale.folds] == ["11.6 s"]
    assert drawn.scale.x(57.1) - drawn.scale.x(52.15) > picture.WIDTH / 2


def test_a_failed_request_looks_bad(sample: ModuleType) -> None:
    """The request answered with 500 and the statement refused are marked."""
    lanes = {lane.title: lane for lane in _picture(sample, "isbn_race_has_one_winner").lanes}

    assert [bar.look for bar in lanes["Requests · replica-2"].bars] == ["http bad"]
    assert [bar.look for bar in lanes["SQL · replica-2"].bars] == ["sql", "sql bad"]


def test_too_little_is_no_picture() -> None:
    """One request and a note are no timeline."""
    moments: tuple[Moment, ...] = (
        Note(at=1.0, text="now"),
        HttpExchange(at=1.0, method="GET", url="http://x/"),
    )

    assert picture.draw(moments) is None


def test_a_crowd_is_counted() -> None:
    """What does not fit into a lane is counted beside its title."""
    crowd = tuple(SqlStatement(at=1.0, connection=n, text="SELECT 1", seconds=1) for n in range(40))

    drawn = picture.draw(crowd)

    assert drawn
    (lane,) = drawn.lanes
    assert lane.title == "SQL · 40"
    assert lane.left_out == 40 - len(lane.bars) > 0


def test_moments_at_one_instant_are_drawn() -> None:
    """A timeline without any length still has a picture."""
    same = tuple(SqlStatement(at=5.0, connection=n, text="SELECT 1") for n in range(3))

    drawn = picture.draw(same)

    assert drawn
    assert sum(len(lane.bars) for lane in drawn.lanes) == 3


def test_a_crowd_of_marks_takes_one_row() -> None:
    """Thirty log lines at nearly one moment are one row of marks, none of them left out."""
    crowd = tuple(LogLine(at=1.0 + n / 1e4, stream="stdout", text="x") for n in range(30))

    drawn = picture.draw(crowd)

    assert drawn
    (lane,) = drawn.lanes
    assert len({bar.y for bar in lane.bars}) == 1
    assert lane.left_out == 0


def test_a_statement_of_many_lines_is_one_label() -> None:
    """Line breaks and indents of a statement are blanks in its label."""
    text = "\n    SELECT id,\n\t title FROM books"
    pair = tuple(SqlStatement(at=n, connection=n, text=text) for n in range(2))

    drawn = picture.draw(pair)

    assert drawn
    assert drawn.lanes[0].bars[0].label == "SELECT id, title FROM books"
