"""What a Python submission depends on, by whichever of the many files says so."""

import re
import tomllib
from typing import Any, NamedTuple

from acidtest.grader.lab.recipe.plan import PythonBuild
from acidtest.grader.lab.recipe.sources import Sources

_NAME = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[[^\]]*\])?")
_INCLUDE = re.compile(r"^\s*(?:-r|--requirement)[ =]+(\S+)")
_MOST_INCLUDES = 10
_REQUIREMENT_FILES = (
    "requirements.txt",
    "requirements/prod.txt",
    "requirements/production.txt",
    "requirements/base.txt",
    "requirements/requirements.txt",
    "requirements-prod.txt",
    "requirements.in",
    "app/requirements.txt",
)
_SERVED_BY_EXTRA = {"standard", "all"}


class Packages(NamedTuple):
    """The plan of a Python environment, the names in it, and sentences about it."""

    plan: PythonBuild
    names: frozenset[str]
    notes: tuple[str, ...] = ()


def packages_of(sources: Sources) -> Packages | None:
    """Return what must be installed, or None when no file of a Python project is there."""
    project = _toml(sources.text("pyproject.toml"))
    requires = _requires_python(project)
    locked = _locked(sources, project)
    if locked is not None:
        return _with_python(locked, requires)
    if file := sources.first(*_REQUIREMENT_FILES):
        lines = _requirement_lines(sources, file)
        plan = PythonBuild(kind="requirements", files=(file,))
        return _with_python(Packages(plan, _names(lines), _pins(file, lines)), requires)
    if "project" in project or _table(project, "tool", "poetry"):
        kind = "poetry" if "project" not in project else "pyproject"
        plan = PythonBuild(kind=kind, files=("pyproject.toml",), install_project=_commands(project))
        note = ("pyproject.toml without a lock file: dependencies are not pinned",)
        return _with_python(Packages(plan, _project_names(project), note), requires)
    if sources.has("Pipfile"):
        names = frozenset(
            _normal(name) for name in _table(_toml(sources.text("Pipfile")), "packages")
        )
        lock = sources.first("Pipfile.lock")
        return Packages(PythonBuild(kind="pipfile", files=("Pipfile",), lock=lock), names)
    if sources.has("setup.py") or sources.has("setup.cfg"):
        text = (sources.text("setup.py") or "") + (sources.text("setup.cfg") or "")
        words = frozenset(_normal(word) for word in re.findall(r"[A-Za-z][A-Za-z0-9._-]+", text))
        return Packages(PythonBuild(kind="setup", files=(".",), install_project=True), words)
    return None


def _locked(sources: Sources, project: dict[str, Any]) -> Packages | None:
    if not project:
        return None
    names = _project_names(project)
    for lock, kind in (("uv.lock", "uv"), ("poetry.lock", "poetry"), ("pdm.lock", "pdm")):
        if sources.has(lock):
            plan = PythonBuild.model_validate(
                {
                    "kind": kind,
                    "files": ("pyproject.toml",),
                    "lock": lock,
                    "install_project": _commands(project),
                }
            )
            return Packages(plan, names, (f"dependencies come from {lock}",))
    return None


def _with_python(packages: Packages, requires: str | None) -> Packages:
    plan = packages.plan.model_copy(update={"requires_python": requires})
    return packages._replace(plan=plan)


def _requires_python(project: dict[str, Any]) -> str | None:
    found = _table(project, "project").get("requires-python")
    return found if isinstance(found, str) else None


def _commands(project: dict[str, Any]) -> bool:
    return bool(
        _table(project, "project", "scripts") or _table(project, "tool", "poetry", "scripts")
    )


def _project_names(project: dict[str, Any]) -> frozenset[str]:
    listed = _table(project, "project").get("dependencies")
    lines = [str(line) for line in listed] if isinstance(listed, list) else []
    lines += list(_table(project, "tool", "poetry", "dependencies"))
    return _names(lines)


def _requirement_lines(sources: Sources, file: str) -> list[str]:
    lines: list[str] = []
    pending, seen = [file], set[str]()
    while pending and len(seen) < _MOST_INCLUDES:
        name = pending.pop()
        if name in seen:
            continue
        seen.add(name)
        folder = name.rpartition("/")[0]
        for line in (sources.text(name) or "").splitlines():
            if include := _INCLUDE.match(line):
                pending.append(f"{folder}/{include[1]}".lstrip("/"))
            else:
                lines.append(line.partition("#")[0].strip())
    return [line for line in lines if line]


def _pins(file: str, lines: list[str]) -> tuple[str, ...]:
    loose = [
        found[1]
        for line in lines
        if (found := _NAME.match(line)) and "==" not in line and "@" not in line
    ]
    if not loose:
        return ()
    shown = ", ".join(loose[:5]) + (" …" if len(loose) > 5 else "")  # noqa: PLR2004 - as many as are shown
    return (f"{len(loose)} requirements in {file} are not pinned: {shown}",)


def _names(lines: list[str]) -> frozenset[str]:
    names = set()
    for line in lines:
        if found := _NAME.match(line):
            name = _normal(found[1])
            names.add(name)
            extras = {part.strip() for part in (found[2] or "").strip("[]").split(",")}
            if name == "fastapi" and extras & _SERVED_BY_EXTRA:
                names.add("uvicorn")
    return frozenset(names)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _toml(text: str | None) -> dict[str, Any]:
    try:
        return tomllib.loads(text or "")
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}


def _table(source: dict[str, Any], *path: str) -> dict[str, Any]:
    here: Any = source
    for key in path:
        here = here.get(key) if isinstance(here, dict) else None
    return here if isinstance(here, dict) else {}
