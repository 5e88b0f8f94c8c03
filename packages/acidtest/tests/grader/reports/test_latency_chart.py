"""The picture of a load: inside its frame, with every figure also as text."""

from types import ModuleType

import pytest

from acidtest.core.evidence import LoadRecord
from acidtest.grader.reports import latency_chart


@pytest.fixture
def record(sample: ModuleType) -> LoadRecord:
    """A load with a stall in its midst."""
    rows = {row.check: row for row in sample.results()}
    found: LoadRecord = rows["silent_cache_costs_a_second"].evidence.loads[0]
    return found


def _places(points: str) -> list[tuple[float, float]]:
    pairs = (pair.split(",") for pair in points.split())
    return [(float(x), float(y)) for x, y in pairs]


def test_everything_stays_in_the_frame(record: LoadRecord) -> None:
    """Lines, bars and marks lie inside the picture and run from left to right."""
    chart = latency_chart.draw(record)

    for line in chart.lines:
        places = _places(line.points)
        assert len(places) == 60
        assert places == sorted(places, key=lambda place: place[0])
        assert all(0 < x < latency_chart.WIDTH and 0 < y < 210 for x, y in places)
    assert all(0 < b.x <= b.x + b.width < latency_chart.WIDTH for b in chart.bars)
    assert all(0 < mark.x < latency_chart.WIDTH for mark in chart.marks)
    assert len(chart.bars) == 4


def test_slower_is_higher_and_the_limit_lies_between(record: LoadRecord) -> None:
    """A stretch above the limit is drawn above its line, a quick one below it."""
    chart = latency_chart.draw(record)
    p99 = _places(chart.lines[2].points)

    assert chart.limit is not None
    assert p99[31][1] < chart.limit < p99[10][1]


def test_every_figure_is_there_as_text(record: LoadRecord) -> None:
    """What the picture shows is in the sentence and the tables: figures, faults, doubts."""
    chart = latency_chart.draw(record.model_copy(update={"figures": {"hits, %": 61.5}}))
    words = " ".join(f"{name} {value}" for name, value in chart.figures)

    assert "95 % within 31.8 ms" in chart.sentence
    assert "80 of 6000 failed" in chart.sentence
    assert "after 30 s: postgres: stalled" in words
    assert "others used 31 %" in words
    assert "hits, % 61.5" in words
    assert sum(int(row[1]) for row in chart.table) == 6000
    assert sum(int(row[2]) for row in chart.table) == 80
    assert len(chart.table) <= 24


def test_a_load_without_answers_can_be_drawn(record: LoadRecord) -> None:
    """A service that never answered, and one that was never asked, have a picture, too."""
    silent = tuple(
        slot.model_copy(update={"failed": 100, "p50": 5e3, "p95": 5e3, "p99": 5e3, "worst": 5e3})
        for slot in record.slots
    )

    full = latency_chart.draw(record.model_copy(update={"slots": silent, "limit": None}))
    empty = latency_chart.draw(record.model_copy(update={"slots": ()}))

    assert full.limit is None
    assert len(full.bars) == 60
    assert [line.points for line in empty.lines] == ["", "", ""]
