"""Joins callers who want the same thing at the same moment, without giving anybody an old answer.

A caller may share only work that began after the caller came: whoever meets a running flight
waits for the next one. So a read that follows a write can never be answered by a load that began
before the write, and however many callers meet, the work is done at most twice.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Flights(Generic[T]):
    """Per key at most one flight in the air and one at the gate."""

    def __init__(self) -> None:
        self._air: dict[Hashable, asyncio.Task[T]] = {}
        self._gate: dict[Hashable, asyncio.Task[T]] = {}

    async def join(self, key: Hashable, fly: Callable[[], Awaitable[T]]) -> T:
        """Return the result of a flight that starts at or after this call.

        A caller that is cancelled leaves; the flight goes on for the others.
        """
        task = self._gate.get(key)
        if task is None and key in self._air:
            task = self._gate[key] = self._start(self._after(self._air[key], key, fly))
        if task is None:
            task = self._air[key] = self._start(self._fly(key, fly))
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Cancel what is still under way."""
        tasks = [*self._air.values(), *self._gate.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _start(self, work: Awaitable[T]) -> asyncio.Task[T]:
        task = asyncio.ensure_future(work)
        task.add_done_callback(_seen)
        return task

    async def _after(
        self, ahead: asyncio.Task[T], key: Hashable, fly: Callable[[], Awaitable[T]]
    ) -> T:
        try:
            await asyncio.wait([ahead])
        finally:
            task = self._gate.pop(key)
        self._air[key] = task
        return await self._fly(key, fly)

    async def _fly(self, key: Hashable, fly: Callable[[], Awaitable[T]]) -> T:
        try:
            return await fly()
        finally:
            if self._air.get(key) is asyncio.current_task():
                del self._air[key]


def _seen(task: asyncio.Task[T]) -> None:
    # Every caller may have left; an error nobody waits for is not worth a warning.
    if not task.cancelled():
        task.exception()
