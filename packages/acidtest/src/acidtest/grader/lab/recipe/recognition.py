"""The order of trust: what the submission says itself, then what its files let us recognise."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from acidtest.core.errors import SubmissionError
from acidtest.grader.lab.recipe import (
    compose,
    container,
    dockerfile,
    go_project,
    manifest,
    node_project,
    procfile,
    python_project,
)
from acidtest.grader.lab.recipe.draft import Draft
from acidtest.grader.lab.recipe.plan import OFFERED_NAMES, PythonBuild, Recipe
from acidtest.grader.lab.recipe.python_packages import packages_of
from acidtest.grader.lab.recipe.scheme import scheme_of
from acidtest.grader.lab.recipe.sources import Sources
from acidtest.grader.lab.recipe.variables import meaning_of, names_in

_HEALTH = re.compile(
    r"""["'`](/(?:api/)?(?:v\d+/)?(?:healthz?|health[-_]?check|health/(?:ready|live)|readyz?"""
    r"""|readiness|livez?|liveness|ping|status))/?["'`]"""
)
_LOOKED_FOR = (
    "acidtest.toml with a `start` command",
    "Procfile with a `web` line",
    "Python: requirements*.txt, pyproject.toml, Pipfile or setup.py",
    "Python: an application object (FastAPI, Flask, Starlette, Litestar, Django …) or a main.py",
    "Node: package.json with a start script or a main file",
    "Go: go.mod and a main package",
    "Dockerfile with CMD or ENTRYPOINT",
    "a compose file with a service that is built and has a command",
)
_MOST_NESTED = 20

T = TypeVar("T")


def recognise(root: Path) -> Recipe:
    """Return how the service in `root` is built and started, reading its files only.

    Raises:
        SubmissionError: nothing fits, or `acidtest.toml` is not valid; the message says what to do.
    """
    sources = Sources(root)
    drafts = _drafts(sources)
    start = _first(drafts, lambda draft: draft.start)
    if start is None:
        raise SubmissionError(_nothing_fits(root))
    starter = next(draft for draft in drafts if draft.start)
    dependencies = _first(drafts, lambda draft: draft.dependencies)
    env, env_notes = _environment(sources, drafts)
    scheme, scheme_notes = _scheme(sources, dependencies)
    health = _first(drafts, lambda draft: draft.health) or _health(sources)
    image_file = sources.first(*dockerfile.NAMES)
    return Recipe(
        stack=_first(drafts, lambda draft: draft.stack) or "custom",
        source=starter.source,
        build=_first(drafts, lambda draft: draft.build) or (),
        migrate=_first(drafts, lambda draft: draft.migrate),
        start=start,
        worker=_first(drafts, lambda draft: draft.worker),
        ci=_first(drafts, lambda draft: draft.ci),
        health=health,
        port=_first(drafts, lambda draft: draft.port),
        env=env,
        dialect=_dialect(drafts),
        dockerfile=root / image_file if image_file else None,
        container=container.image_build_of(sources),
        image=_first(drafts, lambda draft: draft.image),
        database_scheme=scheme,
        dependencies=dependencies,
        notes=(*_notes(drafts, starter), *scheme_notes, *env_notes),
    )


def _drafts(sources: Sources) -> list[Draft]:
    said = manifest.draft_of(sources)
    hints = "\n".join(
        sources.text(name) or ""
        for name in (*dockerfile.NAMES, *compose.NAMES, "Procfile", "Makefile", "README.md")
    )
    readers: dict[str, Callable[[], Draft | None]] = {
        "python": lambda: python_project.draft_of(sources, hints=hints),
        "node": lambda: node_project.draft_of(sources),
        "go": lambda: go_project.draft_of(sources),
    }
    language = (said.stack or "").partition("-")[0] if said else ""
    chosen = [readers[language]] if language in readers else list(readers.values())
    languages = [draft for reader in chosen if (draft := reader())]
    # A package.json beside a Python application is its frontend, and the other way round.
    languages.sort(key=lambda draft: draft.start is None)
    found = [
        said,
        procfile.draft_of(sources),
        *languages[:1],
        dockerfile.draft_of(sources),
        compose.draft_of(sources),
    ]
    return [draft for draft in found if draft is not None]


def _first(drafts: list[Draft], wanted: Callable[[Draft], T | None]) -> T | None:
    return next((value for draft in drafts if (value := wanted(draft))), None)


def _notes(drafts: list[Draft], starter: Draft) -> list[str]:
    notes = []
    if starter.source == manifest.FILE:
        notes.append(f"{manifest.FILE} says how it is started: {starter.start}")
    for draft in drafts:
        # What a less trusted file says about starting is not what is used.
        used = draft is starter or draft.start is None or draft.dependencies is not None
        notes.extend(draft.notes if used else ())
    return notes


def _environment(sources: Sources, drafts: list[Draft]) -> tuple[dict[str, str], list[str]]:
    names = set(names_in(sources))
    for draft in drafts:
        names |= draft.names
    env: dict[str, str] = {}
    for draft in reversed(drafts):
        # Only the submission's own manifest may stand above what the run offers.
        ours = OFFERED_NAMES if draft.source != manifest.FILE else ()
        env |= {name: value for name, value in draft.env.items() if name not in ours}
    said = drafts[0].env if drafts and drafts[0].source == manifest.FILE else {}
    mapped = {
        name: value
        for name in sorted(names)
        if name not in OFFERED_NAMES and name not in said and (value := meaning_of(name))
    }
    notes = [f"`{name}` is set from {value}" for name, value in mapped.items()]
    return {**env, **mapped}, notes


def _scheme(sources: Sources, dependencies: object) -> tuple[str, list[str]]:
    if not isinstance(dependencies, PythonBuild):
        return "postgresql", []
    packages = packages_of(sources)
    scheme = scheme_of(sources, packages.names if packages else frozenset())
    return scheme.name, [scheme.note] if scheme.note else []


def _health(sources: Sources) -> str | None:
    paths = sorted(set(_HEALTH.findall(sources.everything)), key=lambda path: (len(path), path))
    preferred = [path for path in paths if "health" in path]
    return next(iter(preferred or paths), None)


def _dialect(drafts: list[Draft]) -> dict[str, Any]:
    return next((draft.dialect for draft in drafts if draft.dialect), {})


def _nothing_fits(root: Path) -> str:
    lines = ["how to start this service was not recognised. Looked for:"]
    lines += [f"  - {what}" for what in _LOOKED_FOR]
    if inner := _inner_services(root):
        named = ", ".join(f"`{name}`" for name in inner)
        lines.append(f"It looks as if the service lies in {named}: name it with --subdir.")
    lines += ["Say it in a file of this kind:", *(f"  {line}" for line in _example())]
    return "\n".join(lines)


def _example() -> list[str]:
    return manifest.EXAMPLE.splitlines()


def _inner_services(root: Path) -> list[str]:
    folders = sorted(path for path in root.iterdir() if path.is_dir() and not path.is_symlink())
    found = []
    for folder in folders[:_MOST_NESTED]:
        try:
            drafts = _drafts(Sources(folder))
        except SubmissionError:
            continue
        if _first(drafts, lambda draft: draft.start):
            found.append(folder.name)
    return found
