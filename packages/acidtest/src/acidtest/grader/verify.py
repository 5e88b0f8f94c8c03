"""Verifying a problem package: the right submissions pass, every planted mistake is caught.

The package's own test. Its result is the kill matrix: which suspect fails which check.
"""

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from acidtest.catalogue.expectations import Expectations, load_expectations
from acidtest.catalogue.loader import load_problem
from acidtest.catalogue.problem import Problem
from acidtest.core.errors import PackageError, UsageError
from acidtest.core.events import Listener
from acidtest.core.judgement import Judgement, Outcome
from acidtest.core.verdict import Kind, Status
from acidtest.grader.engine import grade
from acidtest.grader.plan import ordered_checks
from acidtest.grader.request import GradeRequest

_JUNK_READY_SECONDS = 8.0
"""Junk that never listens must not hold up the verification for a whole minute."""
_FAILING = {Status.FAIL, Status.PARTIAL}


class Case(NamedTuple):
    """One submission to grade and what must come of it."""

    name: str
    kind: str
    """`reference`, `submission`, `suspect` or `junk`."""
    source: Path
    """Folder relative to which the submission lies; the reference's is staged first."""
    patch: Path | None = None
    fails: frozenset[str] | None = None
    """Exactly these checks must fail; None when only the score counts."""
    allows: frozenset[str] = frozenset()
    minimum: float = 0.0
    maximum: float = 100.0


class CaseResult(NamedTuple):
    """What came of one case in one round."""

    case: Case
    round: int
    judgement: Judgement
    failed: frozenset[str]
    problems: tuple[str, ...]
    """Why the case is not as it should be; empty when it is."""


class Matrix(NamedTuple):
    """All results of a verification."""

    problem: Problem
    results: tuple[CaseResult, ...]
    idle: tuple[str, ...]
    """Checks with points that no suspect fails; empty unless every suspect was run."""

    @property
    def ok(self) -> bool:
        """Whether everything is as the package promises."""
        return not self.idle and all(not result.problems for result in self.results)


async def verify(
    slug: str,
    *,
    state: Path,
    repeat: int = 1,
    only: Sequence[str] = (),
    quick: bool = False,
    driver: str | None = None,
    allow_unsafe: bool = False,
    listen: Listener = lambda _event: None,
    told: Callable[[CaseResult], None] = lambda _result: None,
) -> Matrix:
    """Grade everything the package keeps and compare with what it promises.

    Args:
        slug: the problem.
        state: where runs and caches are kept.
        repeat: rounds for the right submissions, where a false finding could hide; wrong ones
            are judged once.
        only: names of cases or kinds; empty takes all.
        quick: judge with the quick checks alone.
        driver: isolation driver, as for a run.
        allow_unsafe: whether cases may run without a sandbox.
        listen: takes the events of every run.
        told: takes each result as it comes.

    Raises:
        UsageError: `only` names no case.
        PackageError: the package is not valid, or a patch does not apply.
    """
    problem = load_problem(slug)
    infos = [check.info for check in ordered_checks(problem)]
    scored = {info.id for info in infos if info.kind is not Kind.ADVISORY}
    expectations = load_expectations(problem)
    cases = [c for c in cases_of(problem, expectations) if not only or {c.name, c.kind} & {*only}]
    if not cases:
        raise UsageError(f"no case {', '.join(only)} in {slug}")
    results: list[CaseResult] = []
    for case, number in _rounds(cases, repeat):
        with tempfile.TemporaryDirectory(prefix="acidtest-case-") as folder:
            source, subdirectory = await asyncio.to_thread(stage, problem, case, Path(folder))
            request = GradeRequest(
                source=str(source),
                subdirectory=subdirectory,
                problem=slug,
                state=state,
                quick=quick,
                read_code=False,
                driver=driver,
                allow_unsafe=allow_unsafe,
                ready_seconds=_JUNK_READY_SECONDS if case.kind == "junk" else 60.0,
            )
            judgement = await grade(request, listen)
        result = compare(case, number, judgement, scored=scored)
        results.append(result)
        told(result)
    return Matrix(problem, tuple(results), () if only or quick else _idle(expectations, scored))


def cases_of(problem: Problem, expectations: Expectations) -> Iterator[Case]:
    """Everything the package keeps, right ones first."""
    reference = problem.folder / problem.reference.root
    yield Case("reference", "reference", reference, fails=frozenset(), minimum=100.0)
    for name, kept in expectations.submissions.items():
        yield Case(
            name,
            "submission",
            problem.folder / kept.path,
            allows=frozenset(kept.allows),
            minimum=kept.minimum,
            maximum=kept.maximum,
        )
    for name, suspect in expectations.suspects.items():
        patch = problem.folder / "suspects" / f"{name}.patch"
        yield Case(
            name,
            "suspect",
            reference,
            patch=patch,
            fails=frozenset(suspect.fails),
            allows=frozenset(suspect.may),
        )
    for name in expectations.junk:
        yield Case(name, "junk", problem.folder / "junk" / name, maximum=0.0)


def stage(problem: Problem, case: Case, folder: Path) -> tuple[Path, str | None]:
    """Put a case's files where a run may read them; return the folder and the service in it.

    Raises:
        PackageError: the patch does not apply any more.
    """
    if case.kind not in {"reference", "suspect"}:
        return case.source, None
    tree = folder / problem.reference.path.rpartition("/")[2]
    ignored = shutil.ignore_patterns(
        ".venv", "__pycache__", ".git", "*.egg-info", ".*_cache", ".coverage"
    )
    for part in problem.reference.include:
        shutil.copytree(case.source / part, tree / part, ignore=ignored)
    if case.patch is not None:
        apply_patch(case.patch, tree / problem.reference.path)
    return tree, problem.reference.path


def apply_patch(patch: Path, folder: Path) -> None:
    """Apply a unified diff, whose paths are relative to `folder`, whole or not at all.

    Raises:
        PackageError: it does not apply.
    """
    run = subprocess.run(
        ["git", "apply", "--whitespace=nowarn", str(patch.resolve())],
        cwd=folder,
        # Inside somebody's clone git would take the paths as relative to that clone.
        env={**os.environ, "GIT_CEILING_DIRECTORIES": str(folder.resolve().parent)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    if run.returncode:
        raise PackageError(f"{patch}: does not apply to {folder.name}: {run.stderr.strip()}")


def compare(case: Case, number: int, judgement: Judgement, *, scored: set[str]) -> CaseResult:
    """Hold one judgement against what its case promises."""
    failed = frozenset(
        result.check
        for result in judgement.results
        if result.status in _FAILING and result.check in scored
    )
    points = judgement.score.points
    problems: list[str] = []
    if judgement.outcome is Outcome.VOID:
        problems.append(f"void: {judgement.message}")
    void = sorted(r.check for r in judgement.results if r.status is Status.VOID)
    if void and judgement.outcome is not Outcome.VOID:
        problems.append(f"void checks: {', '.join(void)}")
    if case.fails is not None:
        asked = {info.id for info in judgement.checks}
        problems += [f"does not fail {name}" for name in sorted((case.fails & asked) - failed)]
        problems += [f"fails {name} too" for name in sorted(failed - case.fails - case.allows)]
    else:
        allowed = case.allows if case.minimum else failed
        problems += [f"fails {name}" for name in sorted(failed - allowed)]
    if not void and not case.minimum <= (points or 0.0) <= case.maximum:
        problems.append(f"scores {points}, not {case.minimum:g} to {case.maximum:g}")
    return CaseResult(case, number, judgement, failed, tuple(problems))


def _rounds(cases: Sequence[Case], repeat: int) -> Iterator[tuple[Case, int]]:
    for number in range(1, repeat + 1):
        for case in cases:
            if number == 1 or case.minimum > 0:
                yield case, number


def _idle(expectations: Expectations, scored: set[str]) -> tuple[str, ...]:
    killed = {check for suspect in expectations.suspects.values() for check in suspect.fails}
    return tuple(sorted(scored - killed))
