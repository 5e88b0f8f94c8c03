"""Turns: which groups of checks go side by side, in which order, and which alone.

Most of a run is waiting: for a service to boot, for quiet, for a fault to be noticed. Groups that
cannot disturb each other wait together. A room of its own because who may be judged beside whom
decides whether a verdict can be trusted.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import NamedTuple

from acidtest.catalogue.problem import GroupSpec
from acidtest.core.verdict import Kind
from acidtest.grader.sdk import Check

SIDE_BY_SIDE = 2
"""Worlds at the same time: one is judged while the other boots or waits for quiet. A third gained
nothing on two processors."""


class Turn(NamedTuple):
    """One group with its checks, and what it waits for."""

    group: GroupSpec
    checks: tuple[Check, ...]
    alone: bool
    """Whether nothing else may be judged, or boot, while it is judged."""
    after: tuple[str, ...]
    """Groups whose verdicts it rests on; each comes before it."""


Begin = Callable[[], Awaitable[None]]
"""Ends when it is a group's turn."""

Serve = Callable[[Turn, Begin], Awaitable[None]]
"""Makes the world of a turn, waits for the second argument, then judges."""


def turns(groups: Sequence[GroupSpec], checks: Sequence[Check]) -> list[Turn]:
    """Return the groups that have checks, each after those it rests on, those alone last."""
    home = {check.info.id: check.info.group for check in checks}
    inside = {
        group.name: tuple(check for check in checks if check.info.group == group.name)
        for group in groups
    }
    waiting = [group for group in groups if inside[group.name]]
    done: list[Turn] = []
    while waiting:
        named = {turn.group.name for turn in done}
        needs = {
            group.name: {
                home[required]
                for check in inside[group.name]
                for required in check.info.requires
                # Who asks for a single check need not ask for those it rests on.
                if required in home
            }
            - {group.name}
            for group in waiting
        }
        free = [group for group in waiting if needs[group.name] <= named]
        # Two groups that rest on each other: the first of the file goes first.
        best = min(free or waiting[:1], key=lambda group: _alone(group, inside[group.name]))
        waiting.remove(best)
        mine = inside[best.name]
        after = tuple(turn.group.name for turn in done if turn.group.name in needs[best.name])
        done.append(Turn(best, mine, _alone(best, mine), after))
    return done


def _alone(group: GroupSpec, checks: Sequence[Check]) -> bool:
    """Whether a service that boots beside these checks could change what they find."""
    return not group.quick or any(check.info.kind is Kind.TIMING for check in checks)


async def take_turns(order: Sequence[Turn], serve: Serve, *, most: int = SIDE_BY_SIDE) -> None:
    """Serve every turn of `order`, at most `most` at a time.

    Raises:
        ExceptionGroup: a turn could not be served; the others were cancelled.
    """
    ended = {turn.group.name: asyncio.Event() for turn in order}
    room = asyncio.Semaphore(most)

    async def hold(turn: Turn, before: Sequence[str]) -> None:
        try:
            await serve(turn, partial(_all_ended, [ended[name] for name in before]))
        finally:
            room.release()
        ended[turn.group.name].set()

    async with asyncio.TaskGroup() as tasks:
        for number, turn in enumerate(order):
            await room.acquire()
            before = [other.group.name for other in order[:number]] if turn.alone else turn.after
            task = tasks.create_task(hold(turn, before))
            if turn.alone:
                await asyncio.wait([task])


async def _all_ended(events: Sequence[asyncio.Event]) -> None:
    for event in events:
        await event.wait()
