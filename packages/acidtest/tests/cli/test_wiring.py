"""Running work to its end: interruption cancels it, and errors come out as themselves."""

import asyncio
import os
import signal

import pytest

from acidtest.cli import wiring
from acidtest.core.errors import UsageError


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_lets_work_clean_up(number: signal.Signals) -> None:
    """Ctrl-C, SIGTERM and a closed terminal cancel the work, whose clean-up still runs."""
    cleaned: list[bool] = []

    async def work() -> None:
        try:
            os.kill(os.getpid(), number)
            await asyncio.sleep(30)
        finally:
            cleaned.append(True)

    with pytest.raises(KeyboardInterrupt):
        wiring.run(work())
    assert cleaned == [True]


def test_an_error_comes_out_of_a_group_of_tasks() -> None:
    """An error of ours inside nested groups is raised as itself."""

    async def fail() -> None:
        raise UsageError("said so")

    async def work() -> None:
        async with asyncio.TaskGroup() as outer:
            outer.create_task(nested())

    async def nested() -> None:
        async with asyncio.TaskGroup() as inner:
            inner.create_task(fail())

    with pytest.raises(UsageError, match="said so"):
        wiring.run(work())
