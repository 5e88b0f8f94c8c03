"""Dependencies: whether what is installed tomorrow is what was tested."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from acidtest.grader.stages.hits import Hit

_MOST = 4 * 1024 * 1024
_LOCKS = (
    "uv.lock",
    "poetry.lock",
    "Pipfile.lock",
    "pdm.lock",
    "pylock.toml",
    "requirements.lock",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    "bun.lock",
    "bun.lockb",
    "go.sum",
    "Cargo.lock",
    "Gemfile.lock",
    "composer.lock",
    "gradle.lockfile",
)
_EXACT = re.compile(r"===?\s*[\w.+!-]+|@\s*\S+")
_NAME = re.compile(r"@?[\w./-]*")
_PATH = re.compile(r"^[./~]|^file:|\.whl$")
"""What lies in the repository is as it is there."""
_EXACT_NODE = re.compile(r"^v?\d+\.\d+\.\d+([-+][\w.]+)?$|^(file|link|workspace|git|https?):")
_MANIFESTS = (
    "pom.xml",
    "build.gradle",
    "build.gradle.kts",
    "go.mod",
    "Cargo.toml",
    "Gemfile",
    "composer.json",
    "setup.py",
    "setup.cfg",
    "environment.yml",
    "Dockerfile",
)


class Declared(NamedTuple):
    """One dependency as a manifest says it."""

    file: str
    line: int | None
    text: str
    exact: bool

    @property
    def name(self) -> str:
        """The package, as it is spelled everywhere."""
        found = _NAME.match(self.text)
        return re.sub(r"[-_.]+", "-", found[0]).lower() if found else ""


def dependency_hits(root: Path, outer: Path) -> list[Hit]:
    """What is missing or loose in the manifests of the folder `root`, a part of `outer`."""
    declared = list(_declared(root, outer))
    if not declared and not any((root / name).is_file() for name in _MANIFESTS):
        if _has_manifest(root):
            return []
        said = "No file says which packages the program needs"
        return [Hit("acidtest", "no-manifest", "", None, None, said)]
    if any((root / name).is_file() for name in _LOCKS):
        return []
    exact = {one.name for one in declared if one.exact}
    loose = [one for one in declared if one.name not in exact]
    if not loose:
        return []
    first = loose[0]
    said = f"{len(loose)} of {len(declared)} dependencies have no exact version, and nothing locks"
    share = len(loose) / len(declared)
    return [Hit("acidtest", "unpinned", first.file, first.line, None, said, weight=share)]


def _has_manifest(root: Path) -> bool:
    names = ("pyproject.toml", "package.json", "Pipfile")
    return any((root / name).is_file() for name in names) or any(root.glob("requirements*.txt"))


def _declared(root: Path, outer: Path) -> Iterator[Declared]:
    files = [*sorted(root.glob("requirements*.txt")), *sorted(root.glob("requirements/*.txt"))]
    for path in files[:20]:
        for one in _requirements(path, path.relative_to(root).as_posix()):
            yield one
            yield from _neighbour(one, path.parent, outer)
    yield from _pyproject(root / "pyproject.toml")
    yield from _package_json(root / "package.json")


def _requirements(path: Path, name: str) -> Iterator[Declared]:
    for number, raw in enumerate(_text(path).splitlines(), start=1):
        line = raw.split(" #")[0].strip()
        if line and not line.startswith(("#", "-", "\\")):
            exact = bool(_PATH.search(line) or _EXACT.search(line.split(";")[0]))
            yield Declared(name, number, line, exact)


def _neighbour(one: Declared, folder: Path, outer: Path) -> Iterator[Declared]:
    """The package that lies where a requirement points, under its own name."""
    place = (folder / one.text.removeprefix("file:")).resolve()
    if not _PATH.search(one.text) or not place.is_relative_to(outer.resolve()):
        return
    try:
        data = tomllib.loads(_text(place / "pyproject.toml"))
        name = str(data.get("project", {}).get("name", ""))
    except (tomllib.TOMLDecodeError, AttributeError, RecursionError):
        return
    if name:
        yield Declared(one.file, one.line, name, exact=True)


def _pyproject(path: Path) -> Iterator[Declared]:
    try:
        data = tomllib.loads(_text(path))
        project = data.get("project", {}).get("dependencies", [])
        poetry = data.get("tool", {}).get("poetry", {}).get("dependencies", {})
        rows = [str(one) for one in project]
        rows += [f"{name}=={v}" if _exact_poetry(v) else name for name, v in poetry.items()]
    except (tomllib.TOMLDecodeError, AttributeError, TypeError, RecursionError):
        return
    for text in rows:
        if text != "python":
            yield Declared(path.name, None, text, bool(_EXACT.search(text.split(";")[0])))


def _exact_poetry(value: object) -> bool:
    return isinstance(value, str) and bool(re.match(r"^=*\d+(\.\d+)+$", value))


def _package_json(path: Path) -> Iterator[Declared]:
    try:
        data = json.loads(_text(path) or "{}")
        rows = data.get("dependencies", {}).items()
    except (ValueError, AttributeError, RecursionError):
        return
    for name, version in rows:
        exact = bool(_EXACT_NODE.match(str(version)))
        yield Declared(path.name, None, f"{name}@{version}", exact)


def _text(path: Path) -> str:
    if not path.is_file() or path.stat().st_size > _MOST:
        return ""
    return path.read_bytes().decode("utf-8", "replace")
