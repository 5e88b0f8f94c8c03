"""The course of a build: dependencies, the project's own commands, then everything read-only."""

from collections.abc import Callable
from pathlib import Path

from acidtest.grader.lab.build.product import Built
from acidtest.grader.lab.intake import Submission
from acidtest.grader.lab.recipe import Recipe
from acidtest.grader.lab.sandbox import Driver


async def build(
    submission: Submission,
    recipe: Recipe,
    *,
    driver: Driver,
    cache_dir: Path,
    run_dir: Path,
    deadline: float = 600.0,
    emit: Callable[[str], None] = lambda _line: None,
) -> Built:
    """Build `submission` in a sandbox that has the host's network and nothing else of it.

    Raises:
        SubmissionError: it does not build, or not within `deadline` seconds; carries the log tail.
        InfrastructureError: the network or the registry failed; not the candidate's fault.
    """
    raise NotImplementedError
