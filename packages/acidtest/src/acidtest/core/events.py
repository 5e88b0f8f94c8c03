"""The stream of events a run gives off; whoever shows or stores it listens.

The engine knows no listener. Console, JUnit file, live page and database log are four of them.
"""

from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from acidtest.core.evidence import Text
from acidtest.core.judgement import Judgement
from acidtest.core.result import CheckInfo, CheckResult


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    at: float
    """Seconds since the run began."""


class RunStarted(_Event):
    """A run began; what will be asked is known."""

    type: Literal["run_started"] = "run_started"
    run: str
    problem: str
    submission: Text
    checks: tuple[CheckInfo, ...]
    isolated: bool
    notice: str = ""
    """A sentence every listener must show, such as that nothing is isolated."""


class Progress(_Event):
    """What is going on now, in a few words; hostile text may be quoted in it."""

    type: Literal["progress"] = "progress"
    stage: str
    """`intake`, `build`, `lab`, `migrate`, `start`, or a group's name."""
    text: Text


class StageFinished(_Event):
    """A stage ended."""

    type: Literal["stage_finished"] = "stage_finished"
    stage: str
    seconds: float


class GroupStarted(_Event):
    """A group of checks begins on a fresh world."""

    type: Literal["group_started"] = "group_started"
    group: str
    title: str
    checks: tuple[str, ...]


class CheckStarted(_Event):
    """One check begins."""

    type: Literal["check_started"] = "check_started"
    check: str


class CheckFinished(_Event):
    """One check has its verdict."""

    type: Literal["check_finished"] = "check_finished"
    result: CheckResult


class RunFinished(_Event):
    """The run ended; the judgement is final."""

    type: Literal["run_finished"] = "run_finished"
    judgement: Judgement


Event = Annotated[
    RunStarted
    | Progress
    | StageFinished
    | GroupStarted
    | CheckStarted
    | CheckFinished
    | RunFinished,
    Field(discriminator="type"),
]

Listener = Callable[[Event], None]
"""Takes every event as it happens; must return at once and never raise."""
