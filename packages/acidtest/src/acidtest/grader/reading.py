"""Reading a submission while it is built: every stage that needs only its files.

A stage that breaks says nothing about the submission: what it would have marked is then unknown.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from acidtest.catalogue.rules import Rules
from acidtest.core.errors import AcidTestError
from acidtest.core.evidence import clip
from acidtest.grader.baseline import Place
from acidtest.grader.lab.intake import Submission
from acidtest.grader.stages import StageOutcome, Toolbox, assess_quality, read_tree, write_sources
from acidtest.grader.stages.foreign import merged, read_sarif
from acidtest.grader.stages.tree import SourceTree

_MESSAGE = 300

Stage = Callable[[SourceTree, Toolbox, Rules], Awaitable[StageOutcome]]
STAGES: dict[str, Stage] = {"code quality": assess_quality}


class Read(NamedTuple):
    """What reading came to."""

    outcome: StageOutcome
    """Of all stages together."""
    languages: dict[str, int]
    """Lines of the program by language, most first."""


async def read(
    submission: Submission,
    rules: Rules,
    place: Place,
    tell: Callable[[str], None],
    *,
    sarif: Iterable[Path] = (),
) -> Read:
    """Judge the files of `submission`; never fails, since what breaks here is ours.

    Args:
        submission: what is read.
        rules: what findings are called and what they cost.
        place: the run's own folder, and the sandbox in which tools run.
        tell: hears how far it is.
        sarif: reports of other tools, which are merged with ours.
    """
    try:
        tree = await asyncio.to_thread(read_tree, submission.root, outer=submission.tree)
        folder = place.run_dir / "reading"
        sources = await asyncio.to_thread(write_sources, tree, folder / "sources")
    except (OSError, ValueError) as error:
        return Read(StageOutcome(notes=(_broke("files", error),)), {})
    toolbox = Toolbox(place.driver, folder, sources)
    outcomes = []
    for name, stage in STAGES.items():
        tell(f"judging its {name}")
        try:
            outcomes.append(await stage(tree, toolbox, rules))
        except Exception as error:  # noqa: BLE001 - whatever breaks while reading is ours
            outcomes.append(StageOutcome(notes=(_broke(name, error),)))
    outcome = _together(outcomes)
    try:
        reports = [await asyncio.to_thread(read_sarif, path, tree, rules) for path in sarif]
        outcome = merged(outcome, reports, rules, tree) if reports else outcome
    except Exception as error:  # noqa: BLE001 - as above
        said = _broke("reports of other tools", error)
        outcome = _together([outcome, StageOutcome(notes=(said,))])
    return Read(outcome, {str(name): n for name, n in tree.languages.items()})


def _broke(what: str, error: Exception) -> str:
    why = str(error) if isinstance(error, AcidTestError) else repr(error)
    return f"its {what} could not be judged, which costs nothing: {clip(why, _MESSAGE)}"


def _together(outcomes: Iterable[StageOutcome]) -> StageOutcome:
    seen = tuple(outcomes)
    return StageOutcome(
        findings=tuple(finding for one in seen for finding in one.findings),
        marks=tuple(mark for one in seen for mark in one.marks),
        notes=tuple(note for one in seen for note in one.notes),
    )
