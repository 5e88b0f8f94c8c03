"""Finding and reading problem packages; every mistake in one is an error that names its place."""

import os
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from acidtest.catalogue.problem import Problem
from acidtest.core.errors import PackageError, UsageError

CATALOGUE_VARIABLE = "ACIDTEST_CATALOGUE"
"""Folder that holds `problems/`; without it the one beside this source tree is taken."""


def catalogue_folder() -> Path:
    """Return the folder of the catalogue.

    Raises:
        UsageError: there is none where it is looked for.
    """
    named = os.environ.get(CATALOGUE_VARIABLE)
    places = [*([Path(named)] if named else []), *_places()]
    for place in places:
        if (place / "problems").is_dir():
            return place
    raise UsageError(
        f"no catalogue found; install from a clone of the project or set {CATALOGUE_VARIABLE}"
        " to the folder that holds problems/"
    )


def shared_folder(part: str) -> Path:
    """Return a folder that problems share, such as `rules`; a catalogue may do without its own.

    Raises:
        UsageError: there is none where it is looked for.
    """
    for place in (catalogue_folder(), *_places()):
        if (place / part).is_dir():
            return place / part
    raise UsageError(f"no folder {part} in {catalogue_folder()}, nor in a clone of the project")


def _places() -> list[Path]:
    # Never the current folder: it may be a submission's, and checks are programs of ours.
    return [folder / "catalogue" for folder in Path(__file__).resolve().parents]


def problem_slugs() -> tuple[str, ...]:
    """Return the slugs of all problems, sorted."""
    folders = sorted((catalogue_folder() / "problems").iterdir())
    return tuple(folder.name for folder in folders if (folder / "problem.yaml").is_file())


def load_problem(slug: str) -> Problem:
    """Read the package of one problem.

    Raises:
        UsageError: there is no such problem; the message names those that exist.
        PackageError: its `problem.yaml` is not valid; the message names the place.
    """
    folder = catalogue_folder() / "problems" / slug
    if slug not in problem_slugs():
        raise UsageError(f"no problem {slug!r}; there are: {', '.join(problem_slugs())}")
    data = read_yaml(folder / "problem.yaml")
    try:
        problem = Problem.model_validate({**data, "folder": folder})
    except ValidationError as error:
        raise PackageError(f"{folder / 'problem.yaml'}: {explain(error)}") from error
    if problem.slug != slug:
        raise PackageError(f"{folder / 'problem.yaml'}: slug {problem.slug!r} is not its folder's")
    return problem


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file that holds a mapping.

    Raises:
        PackageError: it cannot be read, or is something else.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise PackageError(f"{path}: {error}") from error
    if not isinstance(data, dict):
        raise PackageError(f"{path}: expected a mapping at the top")
    return data


def explain(error: ValidationError) -> str:
    """Return what is wrong with a file, each mistake with its place."""
    return "; ".join(
        f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
        for problem in error.errors()
    )
