"""The plan of a run: which checks, in which order, and whether a package's checks fit together."""

from collections.abc import Iterable, Sequence

from acidtest.catalogue.problem import Problem
from acidtest.core.errors import PackageError, UsageError
from acidtest.grader.request import GradeRequest
from acidtest.grader.sdk import Check, load_checks


def plan(problem: Problem, request: GradeRequest) -> tuple[Check, ...]:
    """The checks a request asks for, in the order of groups and definitions.

    Raises:
        UsageError: it names a check that does not exist.
        PackageError: the package's checks do not fit together.
    """
    checks = ordered_checks(problem)
    if request.dry_run:
        return ()
    known = {check.info.id for check in checks}
    strange = sorted(set(request.only) - known)
    if strange:
        raise UsageError(f"no check {', '.join(strange)}; there are: {', '.join(sorted(known))}")
    if request.only:
        return tuple(check for check in checks if check.info.id in request.only)
    return tuple(check for check in checks if check.info.quick or not request.quick)


def ordered_checks(problem: Problem) -> tuple[Check, ...]:
    """Every check of a problem, group by group.

    Raises:
        PackageError: a check names a group, requirement or prerequisite that is not there, or one
            that is judged only later.
    """
    package = f"acidtest_checks_{problem.slug.replace('-', '_')}"
    found = load_checks(problem.folder / "checks", package=package)
    _names_exist(found, problem)
    checks = [
        check._replace(info=check.info.model_copy(update={"quick": group.quick}))
        for group in problem.groups
        for check in found
        if check.info.group == group.name
    ]
    _prerequisites_come_first(checks)
    return tuple(checks)


def _names_exist(checks: Iterable[Check], problem: Problem) -> None:
    groups = {group.name for group in problem.groups}
    for check in checks:
        if check.info.group not in groups:
            raise PackageError(f"check {check.info.id}: no group {check.info.group!r}")
        if check.info.requirement not in problem.requirements:
            raise PackageError(f"check {check.info.id}: no requirement {check.info.requirement!r}")


def _prerequisites_come_first(checks: Sequence[Check]) -> None:
    before: set[str] = set()
    for check in checks:
        missing = set(check.info.requires) - before
        if missing:
            raise PackageError(
                f"check {check.info.id} rests on {', '.join(sorted(missing))},"
                " which must be judged before it"
            )
        before.add(check.info.id)
