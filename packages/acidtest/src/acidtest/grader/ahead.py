"""Worlds made ahead of time: the next group's service boots while this group's checks wait.

Booting services is most of what a run waits for. A room of its own because a world made ahead
lives in a task of its own and must end with the run, whatever becomes of it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from acidtest.catalogue.problem import GroupSpec
from acidtest.grader.lab.world import World

Make = Callable[[GroupSpec], AbstractAsyncContextManager[World]]


class Ahead:
    """Makes the worlds of groups, when they are asked for or before."""

    def __init__(self, make: Make) -> None:
        self._make = make
        self._made: dict[str, _Made] = {}

    def prepare(self, group: GroupSpec) -> None:
        """Begin to make the next world of `group`, unless that was begun before."""
        if group.name not in self._made:
            self._made[group.name] = _Made(self._make(group))

    @asynccontextmanager
    async def world(self, group: GroupSpec) -> AsyncIterator[World]:
        """The world begun before for `group`, else one made now; it ends with the block.

        Raises:
            SubmissionError: the service does not start in it.
        """
        made = self._made.pop(group.name, None) or _Made(self._make(group))
        try:
            yield await made.world()
        finally:
            await made.end()

    async def drop(self, *, keep: GroupSpec | None = None) -> None:
        """Take down what nobody used, but for the world of `keep`."""
        for name in [name for name in self._made if keep is None or name != keep.name]:
            await self._made.pop(name).end()


class _Made:
    """One world on its way or there, held open by a task until its end."""

    def __init__(self, opening: AbstractAsyncContextManager[World]) -> None:
        self._ready: asyncio.Future[World] = asyncio.get_running_loop().create_future()
        self._over = asyncio.Event()
        self._task = asyncio.create_task(self._hold(opening))

    async def world(self) -> World:
        """Wait until it is there; raises what kept it from being made."""
        either: tuple[asyncio.Future[Any], ...] = (self._ready, self._task)
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not self._ready.done():
            await self._task
        return self._ready.result()

    async def end(self) -> None:
        """Take it down, however far it came; raises what went wrong in taking down."""
        if self._ready.done():
            self._over.set()
            await self._task
            return
        self._task.cancel()
        await asyncio.wait([self._task])
        if not self._task.cancelled():
            # Looked at, so that the loop does not complain: `world` raised it, or nobody cared.
            self._task.exception()

    async def _hold(self, opening: AbstractAsyncContextManager[World]) -> None:
        async with opening as world:
            self._ready.set_result(world)
            await self._over.wait()
