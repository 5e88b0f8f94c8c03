"""Weighing a kept judgement anew: verdicts and findings stay, weights and profile may change."""

from acidtest.catalogue.problem import Problem
from acidtest.core.assessment import assess
from acidtest.core.errors import UsageError
from acidtest.core.judgement import Judgement, Outcome
from acidtest.core.mark import Mark
from acidtest.core.result import CheckInfo
from acidtest.core.score import GroupWeight, marks_of_checks, score, severities_of
from acidtest.core.weights import Profile
from acidtest.grader.plan import ordered_checks


def rescore(judgement: Judgement, problem: Problem, profile: Profile) -> Judgement:
    """Return `judgement` weighed as `problem` and `profile` say today; nothing is run.

    Checks that the problem no longer has keep their verdict and the weight they had.

    Raises:
        UsageError: it is a judgement of another problem, or one without a whole run.
    """
    if judgement.problem.slug != problem.slug:
        raise UsageError(f"This is a judgement of {judgement.problem.slug}, not of {problem.slug}.")
    if judgement.outcome is Outcome.VOID or judgement.options.only:
        raise UsageError("Only a whole run can be weighed anew; in this one much was not asked.")
    groups = tuple(
        GroupWeight(
            name=group.name, title=group.title, weight=group.weight, criterion=group.criterion
        )
        for group in problem.groups
    )
    infos = _as_today(judgement.checks, problem, {group.name for group in groups})
    results = {result.check: result for result in judgement.results}
    marks = (*marks_of_checks(groups, infos, results), *_of_stages(judgement.marks))
    return judgement.model_copy(
        update={
            "groups": groups,
            "checks": infos,
            "score": score(groups, infos, results),
            "marks": marks,
            "assessment": assess(
                profile, marks, findings=judgement.findings, severities=severities_of(infos)
            ),
        }
    )


def _as_today(
    checks: tuple[CheckInfo, ...], problem: Problem, groups: set[str]
) -> tuple[CheckInfo, ...]:
    """The checks that were asked, with today's weights and groups."""
    today = {check.info.id: check.info for check in ordered_checks(problem)}
    kept = []
    for info in checks:
        now = today.get(info.id, info)
        if now.group not in groups:
            raise UsageError(f"{info.id} was in a group {now.group} that the problem has no more.")
        kept.append(info.model_copy(update={"weight": now.weight, "group": now.group}))
    return tuple(kept)


def _of_stages(marks: tuple[Mark, ...]) -> tuple[Mark, ...]:
    """The marks that are not made of checks."""
    return tuple(m for m in marks if not m.criterion.startswith(("behaviour.", "performance.")))
