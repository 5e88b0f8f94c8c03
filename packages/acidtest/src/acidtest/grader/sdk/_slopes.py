"""How the number of statements grows with the number of items: the slope that shows N+1."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from acidtest.core.evidence import SqlStatement, clip
from acidtest.grader.sdk._answer import Answer
from acidtest.grader.sdk._outcomes import fail, unknown, unmet

if TYPE_CHECKING:
    from acidtest.grader.sdk._env import Env

_STEEP = 0.5
"""Statements for each further item above which the number grows; one per item is N+1."""
_TRIES = 3
_CHEAP = 2
_SPREAD = 5
"""Further items that a list must show before a slope means anything."""


class Count(NamedTuple):
    """What one request cost."""

    items: int
    statements: int
    most: str
    """The statement sent most often."""
    repeats: int


async def count_statements(env: "Env", ask: Callable[[], Awaitable[Answer]]) -> Count:
    """Ask up to three times and keep the cheapest: foreign statements only ever add."""
    best = await _cost_once(env, ask)
    for _ in range(_TRIES - 1):
        if best.statements <= _CHEAP:
            break
        best = min(best, await _cost_once(env, ask), key=lambda count: count.statements)
    return best


async def _cost_once(env: "Env", ask: Callable[[], Awaitable[Answer]]) -> Count:
    async with env.watch() as seen:
        answer = await ask()
    answer.given({200}, "This rests on: the list answers 200")
    return _cost(len(answer.items), seen.work)


def _cost(items: int, statements: list[SqlStatement]) -> Count:
    ranked = Counter(" ".join(statement.text.split()) for statement in statements).most_common(1)
    text, repeats = ranked[0] if ranked else ("", 0)
    return Count(items, len(statements), text, repeats)


def expect_flat(counts: Sequence[Count], what: str) -> None:
    """Fail where the number of statements grows with the items, from the first to the last count.

    Args:
        counts: what the list cost for few items, for more, and for many.
        what: the request, as a person would name it.
    """
    few, many = counts[0], counts[-1]
    if not many.statements:
        unknown(f"{what} sent no SQL although the cache was empty, so nothing could be counted")
    if many.items - few.items < _SPREAD:
        unmet(f"{what} does not show more items when there are more")
    slope = (many.statements - few.statements) / (many.items - few.items)
    if slope > _STEEP:
        table: list[dict[str, str | None]] = [
            {"items": str(c.items), "statements": str(c.statements), "most repeated": clip(c.most)}
            for c in counts
        ]
        fail(
            f"{what} sends {slope:.1f} further statements for each further item",
            expected="as many statements for forty items as for one",
            observed="; ".join(f"{c.statements} statements for {c.items} items" for c in counts)
            + f"; {many.repeats} times: {clip(many.most, 300)}",
            tables={"statements": table},
        )
