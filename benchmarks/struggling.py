"""The slow orders service and the fixed one under the recorded load, as a grading measures it."""

from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.figures import Figure
from benchmarks.grading import judgement_of, start_grading

_ROOT = Path(__file__).parents[1]
_CHECK = "the_recorded_load_is_carried"
_LIMIT_MS = 120.0
_MOST_CPU = 60.0
_LEAST_HITS = 60.0


async def recorded_load(rounds: int) -> list[Figure]:
    """Grade the fixed service `rounds` times by one check, which loads the slow one in turns.

    Raises:
        RuntimeError: the check did not end with figures.
    """
    taken: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for _ in range(rounds):
        for record in await _records():
            taken[record["name"]].append(record)
    fixed, slow = taken["after"], taken["before"]
    return [
        *_figures("fixed", fixed, targets=(_LIMIT_MS, _MOST_CPU, _LEAST_HITS, 0)),
        *_figures("slow", slow, targets=(None, None, None, None)),
    ]


def _figures(
    name: str, records: list[dict[str, Any]], *, targets: tuple[float | None, ...]
) -> list[Figure]:
    columns = (
        ("p95", "ms", tuple(record["percentiles"]["95"] for record in records)),
        ("PostgreSQL", "% of a processor", _also(records, "PostgreSQL")),
        ("figures without SQL", "%", _also(records, "figures")),
        ("failed", "", tuple(float(record["failed"]) for record in records)),
    )
    return [
        Figure(
            f"{name} service, {column}",
            samples,
            unit,
            target,
            decimals=0,
            at_least=column == "figures without SQL",
        )
        for (column, unit, samples), target in zip(columns, targets, strict=True)
    ]


def _also(records: list[dict[str, Any]], word: str) -> tuple[float, ...]:
    return tuple(
        value
        for record in records
        for name, value in record["figures"].items()
        if name.startswith(word)
    )


async def _records() -> list[dict[str, Any]]:
    with TemporaryDirectory(prefix="bs") as folder:
        target = Path(folder) / "judgement.json"
        process = await start_grading(
            _ROOT,
            *("--only", _CHECK),
            problem="struggling-orders",
            subdirectory="services/orders_fixed",
            state=Path(folder),
            target=target,
        )
        judgement = await judgement_of(process, target)
    for result in judgement["results"]:
        if result["check"] == _CHECK and result["evidence"]:
            loads: list[dict[str, Any]] = result["evidence"]["loads"]
            return loads
    raise RuntimeError(f"{_CHECK} left no figures")
