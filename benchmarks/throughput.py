"""What sandbox and proxies cost a service: the same program bare and boxed, in turns."""

import json
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import geometric_mean
from typing import NamedTuple

from benchmarks.figures import Figure
from benchmarks.laboratory import Workplace
from benchmarks.load import Ask, fixed_rate, throughput, wrk_missing
from benchmarks.sides import Side, both

COST_PERCENT = 5.0
_CONNECTIONS = 8
_SECONDS = 2.0
_WARM_SECONDS = 1.0
_RATE = 200.0
_RATE_SECONDS = 3.0
_BOOKS = 30
_REVIEWS = 20


class Turn(NamedTuple):
    """One service under one kind of load for a moment."""

    per_second: float
    errors: int
    service_us: float
    """Processor time of the service for one request."""
    judge_us: float
    """Processor time of this process for one request: the proxies'."""


async def cost(place: Workplace, rounds: int) -> list[Figure]:
    """Compare both sides for `rounds` rounds of each kind of request."""
    missing = wrk_missing()
    if missing:
        return [Figure(f"cost of sandbox and proxies: not measured, {missing}", (0.0,), "")]
    async with both(place) as sides:
        asks = [await _furnish(side) for side in sides]
        turns = await _all_turns(sides, asks, rounds=rounds, scripts=place.run_dir)
        late = await _latencies(sides, asks, rounds)
    return [*_figures(turns), *late]


async def _furnish(side: Side) -> list[Ask]:
    """Put books and reviews in; return the requests to compare, the writing one last."""
    book = json.dumps({"title": "On Measuring", "author": "A. Bench"})
    review = json.dumps({"reviewer": "B. Mark", "rating": 4, "comment": "As expected."})
    first = ""
    for _ in range(_BOOKS):
        first = first or str((await _post(side, "/books", book))["id"])
    place = f"/books/{first}/reviews"
    for _ in range(_REVIEWS):
        await _post(side, place, review)
    return [
        Ask("GET /books from the cache", "GET", "/books"),
        Ask("GET reviews by SQL", "GET", place),
        Ask("POST a book", "POST", "/books", book),
    ]


async def _post(side: Side, path: str, body: str) -> dict[str, object]:
    address = f"http://127.0.0.1:{side.port}{path}"
    headers = {"Content-Type": "application/json"}
    async with side.session.post(address, data=body, headers=headers) as answer:
        answer.raise_for_status()
        said: dict[str, object] = await answer.json()
        return said


async def _all_turns(
    sides: Sequence[Side], asks: Sequence[list[Ask]], *, rounds: int, scripts: Path
) -> dict[str, list[tuple[Turn, Turn]]]:
    turns: dict[str, list[tuple[Turn, Turn]]] = defaultdict(list)
    for kind, ask in enumerate(asks[0]):
        for side, mine in zip(sides, asks, strict=True):
            await _turn(side, mine[kind], seconds=_WARM_SECONDS, scripts=scripts)
        for number in range(rounds):
            taken: dict[str, Turn] = {}
            # Who comes first changes, so that a drift of the machine hits both alike.
            for index in (0, 1) if number % 2 == 0 else (1, 0):
                side = sides[index]
                taken[side.name] = await _turn(
                    side, asks[index][kind], seconds=_SECONDS, scripts=scripts
                )
            turns[ask.name].append((taken["bare"], taken["boxed"]))
    return turns


async def _turn(side: Side, ask: Ask, *, seconds: float, scripts: Path) -> Turn:
    service, judge = await side.processor_seconds(), time.process_time()
    seen = await throughput(
        ask,
        port=side.port,
        netns=side.netns,
        seconds=seconds,
        connections=_CONNECTIONS,
        scripts=scripts,
    )
    each = 1e6 / max(1, seen.answered)
    return Turn(
        seen.per_second,
        seen.errors,
        (await side.processor_seconds() - service) * each,
        (time.process_time() - judge) * each,
    )


def _figures(turns: dict[str, list[tuple[Turn, Turn]]]) -> list[Figure]:
    losses = {
        name: tuple(100 * (1 - boxed.per_second / bare.per_second) for bare, boxed in pairs)
        for name, pairs in turns.items()
    }
    rounds = zip(*turns.values(), strict=True)
    means = tuple(
        100 * (1 - geometric_mean(boxed.per_second / bare.per_second for bare, boxed in pairs))
        for pairs in rounds
    )
    figures = [
        Figure(
            "cost of sandbox and proxies in throughput",
            means,
            "%",
            COST_PERCENT,
            f"geometric mean of the kinds below; {_CONNECTIONS} connections, own sockets without",
            1,
        )
    ]
    for name, pairs in turns.items():
        figures.append(Figure(f"  {name}", losses[name], "%", None, _explained(pairs), 1))
    return figures


def _explained(pairs: Sequence[tuple[Turn, Turn]]) -> str:
    bare = Figure("", tuple(pair[0].per_second for pair in pairs), "").median
    boxed = Figure("", tuple(pair[1].per_second for pair in pairs), "").median
    own = [Figure("", tuple(pair[side].service_us for pair in pairs), "").median for side in (0, 1)]
    judge = Figure("", tuple(pair[1].judge_us for pair in pairs), "").median
    errors = sum(turn.errors for pair in pairs for turn in pair)
    return (
        f"{bare:.0f}/s bare, {boxed:.0f}/s boxed, {errors} errors; microseconds of processor:"
        f" service {own[0]:.0f} bare, {own[1]:.0f} boxed; judge {judge:.0f}"
    )


async def _latencies(sides: Sequence[Side], asks: Sequence[list[Ask]], rounds: int) -> list[Figure]:
    p50: dict[str, list[float]] = defaultdict(list)
    p99: dict[str, list[float]] = defaultdict(list)
    errors = 0
    for number in range(rounds):
        for index in (0, 1) if number % 2 == 0 else (1, 0):
            side, ask = sides[index], asks[index][1]
            seen = await fixed_rate(
                side.session, ask, port=side.port, per_second=_RATE, seconds=_RATE_SECONDS
            )
            p50[side.name].append(seen.p50)
            p99[side.name].append(seen.p99)
            errors += seen.errors
    note = f"GET reviews at {_RATE:.0f}/s, open loop, from the moment due; {errors} errors"
    return [
        Figure(f"  {share} {name}", tuple(values[name]), "ms", None, note)
        for share, values in (("p50", p50), ("p99", p99))
        for name in ("bare", "boxed")
    ]
