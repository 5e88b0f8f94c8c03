"""Which folders of a submission its own dependencies install, so that only their change rebuilds.

A room of its own because an answer that is too small would run a stale package: whatever is not
understood counts as the whole tree.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from acidtest.grader.lab.build.requirements import read_requirements, read_toml
from acidtest.grader.lab.intake.digest import digest_of

_EDITABLE = re.compile(r"^(?:-e|--editable)[ =]+")
_INCLUDE = re.compile(r"^(?:-r|--requirement|-c|--constraint)[ =]+(\S+)")
_PATH = re.compile(r"^\.{1,2}(?:/[^\[\s;#]*)?")
_REFERENCE = re.compile(r"@\s*(?:file:|\.{0,2}/)")
_MOST_FOLDERS = 50


class NotUnderstoodError(Exception):
    """A dependency may read any part of the tree."""


def fingerprint_of_folders(start: list[Path], *, cwd: Path, tree: Path) -> str | None:
    """Return a digest over every local folder that installing `start` reads.

    Args:
        start: requirement or project files to begin from.
        cwd: the folder installers run in.
        tree: the whole copy; nothing outside it is looked at.

    Returns:
        The digest, empty when nothing is local; None when only the whole tree is a safe answer.
    """
    folders: set[Path] = set()
    try:
        for file in start:
            _collect(file, cwd, tree.resolve(), folders)
    except NotUnderstoodError:
        return None
    return "".join(
        f"{folder.relative_to(tree.resolve())}:{digest_of(folder)};" for folder in sorted(folders)
    )


def _collect(file: Path, cwd: Path, tree: Path, folders: set[Path]) -> None:
    paths = _in_project(file) if file.suffix == ".toml" else _in_requirements(file, cwd)
    for path in paths:
        folder = path.resolve()
        if not folder.is_relative_to(tree) or len(folders) > _MOST_FOLDERS:
            raise NotUnderstoodError
        if folder in folders or not folder.is_dir():
            continue
        folders.add(folder)
        if (folder / "pyproject.toml").is_file():
            _collect(folder / "pyproject.toml", cwd, tree, folders)


def _in_requirements(file: Path, cwd: Path, depth: int = 0) -> Iterator[Path]:
    if not file.is_file() or depth > _MOST_FOLDERS:
        raise NotUnderstoodError
    for raw in read_requirements(file).splitlines():
        line = _EDITABLE.sub("", raw.strip())
        if include := _INCLUDE.match(line):
            yield from _in_requirements(file.parent / include[1], cwd, depth + 1)
        elif found := _PATH.match(line):
            # Tools disagree on whose folder such a path starts from; both count.
            yield from {file.parent / found[0], cwd / found[0]}
        elif line.startswith(("/", "file:")) or _REFERENCE.search(line):
            raise NotUnderstoodError


def _in_project(file: Path) -> Iterator[Path]:
    project = read_toml(file)
    uv = project.get("tool", {}).get("uv", {})
    listed = project.get("project", {})
    if "workspace" in uv or "dependencies" in listed.get("dynamic", []):
        raise NotUnderstoodError
    if any(_REFERENCE.search(str(line)) for line in listed.get("dependencies", [])):
        raise NotUnderstoodError
    for source in _sources(uv.get("sources", {})):
        if "workspace" in source:
            raise NotUnderstoodError
        if isinstance(source.get("path"), str):
            yield file.parent / source["path"]


def _sources(table: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for said in table.values():
        yield from said if isinstance(said, list) else [said]
