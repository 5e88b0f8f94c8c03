"""The quality stage: how the code of a submission is made, as far as tools reach its language."""

import asyncio

from acidtest.catalogue.rules import Rules
from acidtest.core.errors import sole
from acidtest.core.mark import Mark
from acidtest.grader.stages.hits import marks_of, weigh
from acidtest.grader.stages.outcome import StageOutcome
from acidtest.grader.stages.quality.copies import copies
from acidtest.grader.stages.quality.dependencies import dependency_hits
from acidtest.grader.stages.quality.documents import readme_hits
from acidtest.grader.stages.quality.linters import python_hits, script_hits
from acidtest.grader.stages.quality.measures import measure
from acidtest.grader.stages.toolbox import Toolbox
from acidtest.grader.stages.tree import Language, SourceTree

_LINTED = {Language.PYTHON, Language.JAVASCRIPT, Language.TYPESCRIPT}
_SCRIPTS = {Language.JAVASCRIPT, Language.TYPESCRIPT}
_BY_LINTERS = (
    "code.errors",
    "code.concurrency",
    "code.correctness",
    "code.dead_code",
    "code.style",
)
_ALL = (
    *_BY_LINTERS,
    "code.complexity",
    "code.duplication",
    "code.documentation",
    "code.dependencies",
    "code.types",
)


async def assess_quality(tree: SourceTree, toolbox: Toolbox, rules: Rules) -> StageOutcome:
    """Judge how the code is made.

    Raises:
        HarnessError: one of the tools did not work; nothing is said then.
    """
    try:
        async with asyncio.TaskGroup() as tasks:
            python = tasks.create_task(python_hits(toolbox, tree, rules))
            scripts = tasks.create_task(script_hits(toolbox, tree, rules))
            measuring = tasks.create_task(measure(toolbox, tree))
            copying = tasks.create_task(asyncio.to_thread(copies, tree))
            reading = tasks.create_task(asyncio.to_thread(readme_hits, tree.root))
            needing = tasks.create_task(asyncio.to_thread(dependency_hits, tree.root, tree.outer))
    except BaseExceptionGroup as group:
        raise sole(group) from None
    measures, copied = measuring.result(), copying.result()
    hits = [*python.result(), *scripts.result(), *measures.hits, *copied.hits]
    hits += [*reading.result(), *needing.result()]
    weighed = weigh(hits, rules, tree)
    figures = {
        **measures.figures,
        "code.duplication": {"copied lines": float(copied.lines)},
        "code.style": {f"lines of {name}": float(n) for name, n in tree.languages.items()},
    }
    assessed, unassessed = _looked_at(tree)
    told = [Mark(criterion=criterion, reason=reason) for criterion, reason in unassessed.items()]
    return StageOutcome(
        findings=weighed.findings,
        marks=(*marks_of(weighed, assessed, figures=figures), *told),
        notes=(*tree.notes, *measures.notes),
    )


def _looked_at(tree: SourceTree) -> tuple[dict[str, str], dict[str, str]]:
    """Which criteria tools could look at in these languages, and which not, and why."""
    languages = set(tree.languages)
    if not languages:
        return {}, dict.fromkeys(_ALL, "there is no source file in a language that is known here")
    names = ", ".join(sorted(languages))
    assessed = {
        "code.complexity": f"lizard on {names}",
        "code.duplication": f"equal lines in {names}",
        "code.documentation": "the README" + (" and docstrings" * (Language.PYTHON in languages)),
        "code.dependencies": "the manifests and locks",
    }
    unassessed = {}
    if languages & _LINTED:
        used = "ruff" if Language.PYTHON in languages else ""
        used += " and oxlint" if languages - {Language.PYTHON} and languages & _SCRIPTS else ""
        assessed.update(dict.fromkeys(_BY_LINTERS, used.removeprefix(" and ")))
    else:
        reason = f"no linter for {names} is part of this"
        unassessed.update(dict.fromkeys(_BY_LINTERS, reason))
    if Language.PYTHON in languages:
        assessed["code.types"] = "type hints of Python functions"
    else:
        unassessed["code.types"] = f"types are not counted in {names}"
    return assessed, unassessed
