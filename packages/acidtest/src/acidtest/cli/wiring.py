"""The composition root of the command: the one place that joins the grader to the screen."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from rich.console import Console

from acidtest.cli.archive import Archive
from acidtest.cli.settings import state_folder
from acidtest.core.errors import AcidTestError
from acidtest.core.events import Listener
from acidtest.core.judgement import Judgement
from acidtest.grader.reports import ConsoleReport
from acidtest.grader.request import GradeRequest

if TYPE_CHECKING:
    from acidtest.grader.verify import CaseResult, Matrix

T = TypeVar("T")


def archive() -> Archive:
    """The archive of finished runs on this machine."""
    return Archive(state_folder(os.environ))


def screen(*, stderr: bool = False) -> Console:
    """A console on which no text of a submission is markup."""
    return Console(
        file=sys.stderr if stderr else sys.stdout, markup=False, highlight=False, emoji=False
    )


def run_grading(request: GradeRequest, console: Console) -> Judgement:
    """Grade as `request` says, shown on `console` while it happens."""
    with ConsoleReport(console) as report:
        return run_quietly(request, report)


def run_quietly(request: GradeRequest, listen: Listener) -> Judgement:
    """Grade as `request` says; events go to `listen`."""
    # The whole laboratory hangs on this import; help and completion must not wait for it.
    from acidtest.grader.engine import grade  # noqa: PLC0415 - see above

    return run(grade(request, listen))


def run_verification(
    slug: str,
    *,
    repeat: int,
    only: Sequence[str],
    quick: bool,
    driver: str | None,
    told: "Callable[[CaseResult], None]",
    listen: Listener,
) -> "Matrix":
    """Verify the package of `slug`; each result goes to `told` as it comes."""
    from acidtest.grader.verify import verify  # noqa: PLC0415 - as in run_quietly

    return run(
        verify(
            slug,
            state=archive().state,
            repeat=repeat,
            only=only,
            quick=quick,
            driver=driver,
            # What a package keeps is our own code; where nothing isolates, a notice says so.
            allow_unsafe=driver in {None, UNSAFE},
            told=told,
            listen=listen,
        )
    )


UNSAFE = "local-unsafe"
"""The driver without any isolation."""


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` to its end; Ctrl-C and SIGTERM cancel it, so that it cleans up behind itself.

    Raises:
        KeyboardInterrupt: it was interrupted.
        AcidTestError: it ended with one, also from inside a group of tasks.
    """
    try:
        return asyncio.run(_interruptible(work))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    except BaseExceptionGroup as group:
        known = group.subgroup(AcidTestError)
        if known is None:
            raise
        raise _first(known) from group


async def _interruptible(work: Coroutine[Any, Any, T]) -> T:
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    if task is not None:
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, task.cancel)
    return await work


def _first(group: BaseExceptionGroup[AcidTestError]) -> AcidTestError:
    for error in group.exceptions:
        return _first(error) if isinstance(error, BaseExceptionGroup) else error
    raise AssertionError("an exception group is never empty")
