"""The slow orders service and the fixed one under the recorded load, as a grading measures it."""

import asyncio
import json
import os
import sys
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.figures import Figure

_ROOT = Path(__file__).parents[1]
_CHECK = "the_recorded_load_is_carried"
_PATIENCE = 600.0
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
        process = await asyncio.create_subprocess_exec(
            str(Path(sys.executable).parent / "acidtest"),
            *("grade", str(_ROOT), "--subdir", "services/orders_fixed"),
            *("--problem", "struggling-orders", "--only", _CHECK, "--json", str(target)),
            env={**os.environ, "ACIDTEST_STATE": folder},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            _, said = await asyncio.wait_for(process.communicate(), _PATIENCE)
        except TimeoutError:
            process.terminate()
            await process.wait()
            raise RuntimeError("grading the fixed service did not end") from None
        if not target.exists():
            raise RuntimeError(f"no judgement: {said.decode(errors='replace')[-500:]}")
        judgement: dict[str, Any] = json.loads(target.read_text(encoding="utf-8"))
    for result in judgement["results"]:
        if result["check"] == _CHECK and result["evidence"]:
            loads: list[dict[str, Any]] = result["evidence"]["loads"]
            return loads
    raise RuntimeError(f"{_CHECK} left no figures")
