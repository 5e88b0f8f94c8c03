"""The recorded load, on the old service and on the submission, turn by turn on the same machine."""

from math import ceil
from typing import NamedTuple

from acidtest.grader.sdk import (
    TIMING,
    Env,
    LoadPlan,
    LoadResult,
    LoadSpec,
    check,
    expect_objective,
    fail,
    is_bookkeeping,
    outline,
    unmet,
)

from ._provider import event, signed
from ._shop import COUNTED, SERVED

_POPULAR = 30
"""Products that are asked for in the load, those with the most sales."""
_PLAIN = 0.12
"""Share of the requests for figures without a tracking parameter, as it was recorded."""
_MOST_CPU = 0.60
_LEAST_HITS = 0.60
_BEFORE_SECONDS = 8.0
_OVERLOAD = 5.0
_AT_REST = 30.0


Outline = tuple[str, ...]


class Turn(NamedTuple):
    """One turn of the load on one service."""

    load: LoadResult
    processor: float
    """Processors that PostgreSQL kept busy."""
    hits: float
    """Share of the requests for figures that sent no SQL of their own."""


@check("R20", group="load", kind=TIMING, weight=6, requires=(SERVED, COUNTED), deadline=240.0)
async def the_recorded_load_is_carried(env: Env) -> None:
    """Under the recorded load answers come in time, and the database and cache are at ease.

    The old service and this one take turns on the same machine, twice. Held against the limits is
    the better of this one's turns, and it must be quicker than the old service in both.
    """
    text = await _computation(env)
    turns: list[Turn] = []
    slow: list[Turn] = []
    for _ in range(2):
        if env.baseline is not None:
            slow.append(await _turn(env.baseline, (), seconds=_BEFORE_SECONDS))
            _shown(env, "before", slow[-1])
            # What it left to its threads would be in the way of the next turn.
            await env.until(env.baseline.quiet, within=_AT_REST)
        turns.append(await _turn(env, text))
        _shown(env, "after", turns[-1])
    best = min(turns, key=lambda turn: turn.load.p95)
    expect_objective(best.load, "Under the recorded load answers do not come in time")
    if best.processor > _MOST_CPU:
        fail(
            "Under the recorded load PostgreSQL is too busy",
            expected=f"less than {_MOST_CPU:.0%} of one processor",
            observed=f"{best.processor:.0%}",
        )
    if best.hits < _LEAST_HITS:
        fail(
            "Under the recorded load too few figures come from the cache",
            expected=f"more than {_LEAST_HITS:.0%} of the requests without SQL",
            observed=f"{best.hits:.0%}",
        )
    if any(new.load.p95 >= old.load.p95 for old, new in zip(slow, turns, strict=False)):
        fail(
            "In a turn on the same machine the old service was quicker",
            expected="a lower p95 than that of the old service in both turns",
            observed=", ".join(
                f"{new.load.p95:.0f} ms against {old.load.p95:.0f} ms"
                for old, new in zip(slow, turns, strict=False)
            ),
        )


@check("R20", group="load", kind=TIMING, weight=3, requires=(SERVED, COUNTED), deadline=120.0)
async def five_times_the_load_is_shed_in_order(env: Env) -> None:
    """At five times the load what is not refused with 503 is still answered within 300 ms."""
    recorded = env.load.profile("recorded")
    profile = recorded.model_copy(
        update={"rate": recorded.rate * _OVERLOAD, "seconds": 8.0, "warm_up": 2.0}
    )
    plan = _plan(env, profile)
    shedding = plan.model_copy(
        update={"requests": tuple(r.model_copy(update={"shed": (503,)}) for r in plan.requests)}
    )
    result = await env.load("recorded", shedding, **_times(profile))
    expect_objective(result, "At five times the load answers do not come in time")


def _plan(env: Env, profile: LoadSpec) -> LoadPlan:
    """The load as it was recorded: popular things more often, and an address for each campaign.

    Every request has a sender of its own, with an event that was signed before: nobody is to be
    blamed for refusing an event that came twice.
    """
    senders = []
    for _ in range(ceil(profile.rate * (profile.warm_up + profile.seconds))):
        body = event(env.rng.randrange(1, 100_000))
        mail = "" if env.rng.random() < _PLAIN else f"?utm_source={env.word()}"
        senders.append({"body": body.decode(), "mail": mail, **_named(signed(env, body))})
    figures = env.load.request(
        "product_stats", ids={"product_id": "${product}"}, name="figures", keys=("units",)
    )
    return LoadPlan(
        requests=(
            env.load.request(
                "list_orders",
                query="include=items&limit=5&status=${status}",
                name="list",
                keys=("items.0.items.0.product_name",),
            ),
            env.load.request("get_order", ids={"order_id": "${order}"}, name="order"),
            figures.model_copy(update={"path": figures.path + "${mail}"}),
            env.load.request("payment_event", name="event").model_copy(
                update={
                    "body": "${body}",
                    "expect": (200, 201, 202, 204),
                    "headers": {
                        "Content-Type": "application/json",
                        "webhook-id": "${webhook_id}",
                        "webhook-timestamp": "${webhook_timestamp}",
                        "webhook-signature": "${webhook_signature}",
                    },
                }
            ),
        ),
        users=tuple(senders),
        values={
            "status": ("paid", "paid", "pending"),
            "order": tuple(str(env.rng.randrange(1, 100_000)) for _ in range(2_000)),
            "product": tuple(str(number) for number in range(1, _POPULAR + 1)),
        },
        skew={"product": 1.0},
    )


def _times(profile: LoadSpec) -> dict[str, float]:
    return {"rate": profile.rate, "seconds": profile.seconds, "warm_up": profile.warm_up}


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("-", "_"): value for name, value in headers.items()}


async def _turn(env: Env, text: Outline, *, seconds: float | None = None) -> Turn:
    profile = env.load.profile("recorded")
    if seconds is not None:
        profile = profile.model_copy(update={"seconds": seconds, "warm_up": 1.0})
    began, before = env.now(), env.db.processor_seconds()
    load = await env.load("recorded", _plan(env, profile), **_times(profile))
    busy = env.db.processor_seconds() - before
    took = load.record.warm_up + load.record.seconds
    figures = next((r.requests for r in load.record.by_request if r.name == "figures"), 0)
    wanted = text or _reading_items(env, began)
    computed = sum(outline(s.text) == wanted for s in env.sql_since(began))
    # Requests of the warm-up are not in the figures; their share is that of the time.
    asked = max(1.0, figures * took / load.record.seconds)
    # What was due at the end was at work until the last answer.
    lasted = took + load.record.percentiles["100"] / 1000
    return Turn(load, busy / lasted, max(0.0, 1 - computed / asked))


def _reading_items(env: Env, since: float) -> Outline:
    """The statement of the old service that sums up a product."""
    texts = (s.text for s in env.sql_since(since) if "GROUP BY" in s.text.upper())
    return outline(next(texts, ""))


async def _computation(env: Env) -> Outline:
    """The outline of the statement that one lonely request for figures sends to read the items."""
    await env.cache.flushdb()
    async with env.watch() as seen:
        answer = await env.call("product_stats", product_id=env.rng.randrange(200, 2_000))
    answer.given({200}, "This rests on: figures are answered with 200")
    reads = [s.text for s in seen.reads if "order_items" in s.text] or [
        s.text for s in seen.sql if not is_bookkeeping(s.text)
    ]
    if not reads:
        unmet("Figures that are not cached send no SQL, so hits cannot be counted")
    return outline(max(reads, key=len))


def _shown(env: Env, name: str, turn: Turn) -> None:
    figures = {
        "PostgreSQL, % of one processor": round(100 * turn.processor, 1),
        "figures without SQL, %": round(100 * turn.hits, 1),
    }
    env.load.show(turn.load, name, figures)
