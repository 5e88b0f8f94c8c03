"""Figures and what may be concluded from them: failures count, doubts are told, proofs stand."""

from typing import Any

import pytest
from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]  # it ships no types

from acidtest.catalogue.problem import ObjectiveSpec
from acidtest.core.evidence import LoadRecord
from acidtest.grader.load import (
    Calibration,
    Conclusion,
    LoadResult,
    calibrated,
    doubt,
    find_capacity,
)
from acidtest.grader.load.latency import Latencies
from acidtest.grader.load.oracle import GOOD, SHED
from acidtest.grader.load.tally import LATE, STARVED, Outcome, Tally
from acidtest.grader.machine import Reading

CALM = Calibration(0.5, 1.0, 0.6, 1.1)


def _result(*, p95: float = 50.0, lower: float | None = None, **changes: Any) -> LoadResult:
    levels = {"50": p95 / 4, "95": p95, "99": p95 * 2}
    given = {
        "at": 1.0, "name": "mixed", "warm_up": 0, "seconds": 10, "asked": 100, "achieved": 100,
        "requests": 1000, "good": 1000, "failed": 0, "percentiles": levels,
        "from_sending": {**levels, "95": p95 if lower is None else lower},
        "lateness": {"50": 0.1, "99": 1.0}, "busy": 0.3, "foreign": 0.0, "judge": 0.1,
        "pressure": 0.1, **changes,
    }  # fmt: skip
    calibration = given.pop("calibration", CALM)
    return LoadResult(record=LoadRecord.model_validate(given), calibration=calibration)


@pytest.mark.parametrize(
    ("result", "conclusion"),
    [
        (_result(), Conclusion.HOLDS),
        (_result(foreign=0.9, lateness={"50": 9, "99": 40}), Conclusion.HOLDS),
        (_result(p95=300), Conclusion.BROKEN),
        (_result(failed=10), Conclusion.BROKEN),
        (_result(p95=300, lower=100), Conclusion.UNTOLD),
        (_result(p95=300, lateness={"50": 9, "99": 40}), Conclusion.BROKEN),
        (_result(p95=300, foreign=0.5), Conclusion.UNTOLD),
        (_result(p95=300, judge=0.99), Conclusion.UNTOLD),
        (_result(failed=10, foreign=0.5), Conclusion.UNTOLD),
        (_result(failed=10, failures={STARVED: 10}), Conclusion.UNTOLD),
        (_result(p95=300, calibration=Calibration(0.5, 1.0, 0.5, 30.0)), Conclusion.UNTOLD),
        (_result(p95=300, calibration=Calibration(0.5, 1.0, 1.5, 2.0)), Conclusion.UNTOLD),
        (_result(achieved=90), Conclusion.UNTOLD),
    ],
)
def test_a_conclusion_needs_a_proof(result: LoadResult, conclusion: Conclusion) -> None:
    """Within the limit stands however busy it was; beyond it only where nobody was in the way."""
    assert result.conclude(percentile=95, limit_ms=200, error_share=0.001) is conclusion


BUSY_WITH_IT = {"busy": 0.97, "foreign": 0.02}
BUSY_WITH_OTHERS = {"busy": 0.97, "foreign": 0.4}


@pytest.mark.parametrize(
    ("before", "after", "conclusion"),
    [
        ({}, {}, Conclusion.BROKEN),
        ({}, BUSY_WITH_IT, Conclusion.BROKEN),
        (BUSY_WITH_IT, BUSY_WITH_IT, Conclusion.BROKEN),
        ({}, BUSY_WITH_OTHERS, Conclusion.UNTOLD),
        (BUSY_WITH_OTHERS, {}, Conclusion.UNTOLD),
        ({}, {"busy": 0.5}, Conclusion.UNTOLD),
    ],
)
def test_a_service_is_not_excused_by_itself(
    before: dict[str, float], after: dict[str, float], conclusion: Conclusion
) -> None:
    """A slow trivial service excuses the judged one unless that took the processors itself."""
    sides = [_result(p95=50.0 if change else 1.0, **change) for change in (before, after)]

    result = calibrated(_result(p95=300), *sides)

    assert result.conclude(percentile=95, limit_ms=200, error_share=0.001) is conclusion


def test_doubts_are_sentences() -> None:
    """What makes figures doubtful is told with its number."""
    record = _result(foreign=0.4, achieved=90, lateness={"50": 1, "99": 55}).record

    told = (*doubt.of_sending(record), *doubt.of_machine(record, Calibration(1, 2, 3, 4)))

    assert len(told) == 4
    assert "55.0 ms" in told[0]
    assert "90.0%" in told[1]
    assert "40%" in told[2]
    assert "1.00 ms before and 3.00 ms after" in told[3]


def test_ratios_are_to_the_reference_of_the_session() -> None:
    """Twice the reference's time is a ratio of two."""
    assert _result(p95=100).ratio_to(_result(p95=50)) == pytest.approx(2.0)


def test_a_tally_counts_failures_with_the_time_out() -> None:
    """A quick error is as slow as a time-out, a shed one is apart, and the warm-up is left out."""
    tally = Tally(["one"], warm_up=1.0, timeout=5.0)
    rows = [
        (0.5, Outcome("answered 500", 500)),
        (1.0, Outcome(GOOD, 200)),
        (1.1, Outcome("answered 500", 500, b"x" * 10_000)),
        (1.2, Outcome(SHED, 429)),
        (1.3, Outcome(LATE)),
    ]
    for due, outcome in rows:
        tally.add(0, outcome, due=due, attended=due + 0.01, ended=due + 0.2)

    found = tally.summary(1.0)

    assert (found["requests"], found["good"], found["shed"], found["failed"]) == (4, 1, 1, 2)
    assert found["percentiles"]["100"] == pytest.approx(5_000, rel=0.001)
    assert found["percentiles"]["50"] == pytest.approx(5_000, rel=0.001)
    assert found["from_sending"]["50"] == pytest.approx(5_000, rel=0.001)
    assert found["lateness"]["50"] == pytest.approx(10, rel=0.01)
    assert found["by_request"][0]["statuses"] == {"200": 1, "429": 1, "500": 1}
    assert sum(slot["failed"] for slot in found["slots"]) == 2
    assert len(found["examples"][0]["body"]) == 300


def test_a_flood_of_reasons_is_bounded() -> None:
    """However many ways a server finds to fail, the record stays small."""
    tally = Tally(["one"], warm_up=0.0, timeout=1.0)
    for number in range(500):
        tally.add(0, Outcome(f"reason {number}"), due=0.1, attended=0.1, ended=0.2)

    found = tally.summary(1.0)

    assert len(found["failures"]) <= 41
    assert sum(found["failures"].values()) == 500


def test_percentiles_are_within_a_thousandth() -> None:
    """The histogram keeps three digits from microseconds to minutes, and others can read it."""
    found = Latencies(n / 1000 for n in range(1, 10_001))

    assert found.percentile(50) == pytest.approx(5_000, rel=0.001)
    assert found.percentile(99.9) == pytest.approx(9_990, rel=0.001)
    assert HdrHistogram.decode(found.encoded()).get_total_count() == 10_000
    assert Latencies().percentile(99) == 0.0


def test_our_own_work_is_not_foreign() -> None:
    """Processor time of this process and its children is told apart from that of strangers."""
    first = Reading(at=0.0, busy=0.0, whole=0.0, family=0.0, judge=0.0, pressure=0.0)
    later = Reading(at=10.0, busy=12.0, whole=20.0, family=9.0, judge=5.0, pressure=1.0)

    use = first.until(later)

    assert (use.busy, use.foreign) == (pytest.approx(0.6), pytest.approx(0.15))
    assert (use.judge, use.pressure) == (pytest.approx(0.5), pytest.approx(0.1))


def test_the_machine_can_be_read() -> None:
    """Two readings of this machine give shares between nought and one."""
    first = Reading.take()
    sum(range(2_000_000))
    use = first.until(Reading.take())

    assert use.judge > 0
    assert 0 <= use.foreign <= use.busy <= 1


@pytest.mark.parametrize("true_capacity", [30.0, 130.0, 700.0, 10_000.0])
async def test_the_capacity_is_found(true_capacity: float) -> None:
    """Doubling and halving end within a tenth of where the objective breaks, or at the end."""
    tried: list[float] = []

    async def attempt(rate: float) -> LoadResult:
        tried.append(rate)
        return _result(p95=50 if rate <= true_capacity else 900)

    found = await find_capacity(
        attempt,
        ObjectiveSpec(limit_ms=200),
        lowest=50,
        highest=1_000,
        time_left=lambda: 1.0,
    )

    assert found.held <= true_capacity
    if true_capacity > 1_000:
        assert (found.held, found.broke) == (1_000, None)
    else:
        assert found.broke is not None
        assert true_capacity < found.broke <= found.held * 1.1
    assert len(tried) <= 24


async def test_a_search_ends_with_its_time() -> None:
    """No step begins after the time is over."""
    tried: list[float] = []

    async def attempt(rate: float) -> LoadResult:
        tried.append(rate)
        return _result()

    found = await find_capacity(
        attempt,
        ObjectiveSpec(limit_ms=200),
        lowest=50,
        highest=1e6,
        time_left=lambda: 3.0 - len(tried),
    )

    assert tried == [50, 100, 200]
    assert found.held == 200
