"""Lets many callers start at one moment."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def at_once(count: int, act: Callable[[int], Awaitable[T]], *, within: float = 60) -> list[T]:
    """Run `act(0) … act(count-1)` from a common start and return the results in that order."""
    gate = asyncio.Event()

    async def runner(number: int) -> T:
        await gate.wait()
        return await act(number)

    async with asyncio.timeout(within), asyncio.TaskGroup() as group:
        tasks = [group.create_task(runner(number)) for number in range(count)]
        await asyncio.sleep(0)
        gate.set()
    return [task.result() for task in tasks]
