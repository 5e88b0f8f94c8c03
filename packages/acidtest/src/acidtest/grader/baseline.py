"""The service that a submission is compared with: built beside it, run on a copy of the same data.

A room of its own because whatever goes wrong with it is ours, never the candidate's.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from acidtest.catalogue.problem import Problem
from acidtest.core.errors import InfrastructureError, SubmissionError
from acidtest.grader.lab.build import Built, build
from acidtest.grader.lab.dataset import load_dataset
from acidtest.grader.lab.intake import Submission, take_in
from acidtest.grader.lab.lab import MIGRATED, Lab
from acidtest.grader.lab.recipe import Recipe, recognise
from acidtest.grader.lab.sandbox import Driver
from acidtest.grader.sdk import Check

_DATABASE = "baseline"


class Baseline(NamedTuple):
    """A service of the problem's own, built and ready to be run."""

    submission: Submission
    recipe: Recipe
    built: Built


class Place(NamedTuple):
    """Where and how a run builds."""

    driver: Driver
    run_dir: Path
    cache_dir: Path
    deadline: float
    """Seconds."""


async def baseline_for(checks: Iterable[Check], problem: Problem, place: Place) -> Baseline | None:
    """Build what `problem` compares submissions with, where one of `checks` does that.

    Raises:
        InfrastructureError: it does not build; nothing is said about the submission then.
    """
    comparing = {group.name for group in problem.groups if group.baseline}
    asked = any(check.info.group in comparing for check in checks)
    if problem.baseline is None or not asked:
        return None
    folder = problem.folder / problem.baseline
    try:
        submission = await take_in(str(folder), place.run_dir / "baseline")
        recipe = recognise(submission.root)
        built = await build(
            submission,
            recipe,
            driver=place.driver,
            cache_dir=place.cache_dir,
            run_dir=place.run_dir,
            deadline=place.deadline,
        )
    except SubmissionError as error:
        raise InfrastructureError(f"the service to compare with does not build: {error}") from error
    return Baseline(submission, built.recipe or recipe, built)


async def furnish(lab: Lab, problem: Problem, baseline: Baseline | None) -> None:
    """Give `lab` the problem's data before any migration, and the baseline a copy of it.

    Raises:
        PackageError: the data is not right.
        InfrastructureError: it could not be loaded.
    """
    if problem.dataset is not None:
        await load_dataset(lab.cluster, MIGRATED, problem.folder / problem.dataset)
    if baseline is None:
        return
    await lab.cluster.create_database(_DATABASE, template=MIGRATED)
    lab.baseline = Lab(
        problem=problem,
        submission=baseline.submission,
        recipe=baseline.recipe,
        built=baseline.built,
        driver=lab.driver,
        cluster=lab.cluster,
        run_dir=lab.run_dir,
        clock=lab.clock,
        template=_DATABASE,
    )
