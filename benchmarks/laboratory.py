"""A laboratory for measuring: the reference service, staged and built once, ready to be run."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, Self

from acidtest.catalogue.loader import load_problem
from acidtest.catalogue.problem import Problem
from acidtest.core.clock import RunClock
from acidtest.grader.lab.build import Built, build
from acidtest.grader.lab.intake import Submission, take_in
from acidtest.grader.lab.lab import Lab
from acidtest.grader.lab.leftovers import RunDirectory
from acidtest.grader.lab.postgres import Cluster
from acidtest.grader.lab.recipe import Recipe, recognise
from acidtest.grader.lab.sandbox import Driver, choose_driver
from acidtest.grader.verify import Case, stage

PROBLEM = "book-reviews"
_BUILD_SECONDS = 600.0


class Staged(NamedTuple):
    """A submission of the package, its files where a run may read them."""

    name: str
    source: Path
    subdirectory: str | None


def stage_right_ones(folder: Path) -> list[Staged]:
    """Stage the reference and the other right submissions of the package below `folder`."""
    problem = load_problem(PROBLEM)
    cases = [Case("reference", "reference", problem.folder / problem.reference.root)]
    kept = sorted((problem.folder / "submissions").iterdir())
    cases += [Case(place.name, "submission", place) for place in kept]
    return [_stage(problem, case, folder) for case in cases]


def _stage(problem: Problem, case: Case, folder: Path) -> Staged:
    place = folder / case.name
    place.mkdir(parents=True)
    source, subdirectory = stage(problem, case, place)
    return Staged(case.name, source, subdirectory)


class Workplace(NamedTuple):
    """Everything a laboratory is made of, but for its database cluster."""

    problem: Problem
    state: Path
    run_dir: Path
    driver: Driver
    submission: Submission
    recipe: Recipe
    built: Built

    @classmethod
    @asynccontextmanager
    async def opened(cls, state: Path) -> AsyncIterator[Self]:
        """Build the reference in a run directory of its own; all of it ends with the block."""
        with TemporaryDirectory(prefix="acidtest-bench-") as folder:
            run = RunDirectory.create(state)
            try:
                reference = stage_right_ones(Path(folder))[0]
                driver = await choose_driver()
                submission = await take_in(
                    str(reference.source),
                    run.path / "submission",
                    subdirectory=reference.subdirectory,
                )
                recipe = recognise(submission.root)
                built = await build(
                    submission,
                    recipe,
                    driver=driver,
                    cache_dir=state / "cache",
                    run_dir=run.path,
                    deadline=_BUILD_SECONDS,
                    emit=lambda _text: None,
                )
                problem = load_problem(PROBLEM)
                yield cls(problem, state, run.path, driver, submission, recipe, built)
            finally:
                run.close()

    def lab(self, cluster: Cluster, *, driver: Driver | None = None) -> Lab:
        """A laboratory around `cluster`, not migrated yet."""
        return Lab(
            problem=self.problem,
            submission=self.submission,
            recipe=self.recipe,
            built=self.built,
            driver=driver or self.driver,
            cluster=cluster,
            run_dir=self.run_dir,
            clock=RunClock(),
        )

    async def cluster(self, stack: AsyncExitStack, folder: Path) -> Cluster:
        """A cluster in `folder` that ends with the stack."""
        open_folder(folder)
        cluster = await Cluster.start(folder, cache_dir=self.state / "cache")
        stack.push_async_callback(cluster.stop)
        return cluster


def open_folder(folder: Path) -> Path:
    """Make a folder that servers can go through, whoever they run as."""
    folder.mkdir()
    folder.chmod(0o711)
    return folder
