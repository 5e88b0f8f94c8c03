"""Turning other tools' ways of naming Python dependencies into requirement lines that uv reads."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

from acidtest.grader.lab.recipe.sources import decode

_EXACT = re.compile(r"^\d+(\.\d+)*([a-z0-9.+-]*)$")
_CARET = re.compile(r"^\^\s*(\d+)(?:\.(\d+))?(?:\.(\d+))?\S*$")
_TILDE = re.compile(r"^~\s*(\d+)(?:\.(\d+))?(?:\.(\d+))?\S*$")
_NEVER_PUBLISHED = re.compile(r"^\s*pkg[-_]resources\s*==\s*0\.0\.0.*$", re.MULTILINE)
_FROM_SOURCE_ONLY = re.compile(r"^(\s*)psycopg2(?=\s*(?:[=<>!~;\[#]|$))", re.MULTILINE)


def read_toml(path: Path) -> dict[str, Any]:
    """Return a TOML file's content; empty when it is missing or no TOML."""
    try:
        return tomllib.loads(path.read_text("utf-8", "replace"))
    except (OSError, tomllib.TOMLDecodeError, RecursionError):
        return {}


def mended(text: str) -> str:
    """Return a requirement file's text without what no installer outside its author's can use."""
    return _NEVER_PUBLISHED.sub("", text)


def with_binary_driver(text: str) -> str | None:
    """Return the text with psycopg2's prebuilt package, or None when it does not name psycopg2."""
    changed = _FROM_SOURCE_ONLY.sub(r"\1psycopg2-binary", text)
    return None if changed == text else changed


def read_requirements(path: Path) -> str:
    """Return a requirement file's text, whatever encoding it was written in."""
    return decode(path.read_bytes())


def of_poetry(project: dict[str, Any]) -> list[str]:
    """Return the requirement lines of `[tool.poetry.dependencies]`."""
    table = project.get("tool", {}).get("poetry", {}).get("dependencies", {})
    lines = [_line(name, said) for name, said in table.items() if name.lower() != "python"]
    return [line for line in lines if line]


def of_pipfile(pipfile: dict[str, Any]) -> list[str]:
    """Return the requirement lines of a Pipfile's `[packages]`."""
    lines = [_line(name, said) for name, said in pipfile.get("packages", {}).items()]
    return [line for line in lines if line]


def pins_of_lock(path: Path) -> list[str]:
    """Return `name==version` for every package a lock file of poetry, pdm or Pipenv fixes once."""
    if path.suffix == ".lock" and path.name.startswith("Pipfile"):
        return _pins_of_pipfile(path)
    versions: dict[str, set[str]] = {}
    packages = read_toml(path).get("package", [])
    for package in packages if isinstance(packages, list) else []:
        name, version = package.get("name"), package.get("version")
        remote = package.get("source", {}).get("type") if "source" in package else None
        if (
            isinstance(name, str)
            and isinstance(version, str)
            and remote not in {"git", "directory"}
        ):
            versions.setdefault(name, set()).add(version)
    # A package fixed to several versions has markers we need not understand to be helpful.
    return [f"{name}=={min(found)}" for name, found in versions.items() if len(found) == 1]


def _pins_of_pipfile(path: Path) -> list[str]:
    try:
        packages = json.loads(path.read_text("utf-8", "replace")).get("default", {})
    except (ValueError, RecursionError, AttributeError):
        return []
    return [
        f"{name}{said['version']}"
        for name, said in packages.items()
        if isinstance(said, dict) and str(said.get("version", "")).startswith("==")
    ]


def _line(name: str, said: object) -> str | None:
    if isinstance(said, str):
        return f"{name}{_specifier(said)}"
    if isinstance(said, list):
        return next((_line(name, part) for part in said), None)
    if not isinstance(said, dict) or said.get("optional") is True:
        return None
    extras = said.get("extras")
    called = f"{name}[{','.join(map(str, extras))}]" if isinstance(extras, list) else name
    marker = f" ; {said['markers']}" if isinstance(said.get("markers"), str) else ""
    if isinstance(said.get("path"), str):
        return str(said["path"]) if said["path"].startswith(".") else f"./{said['path']}"
    if isinstance(said.get("git"), str):
        revision = next((said[key] for key in ("rev", "tag", "branch", "ref") if key in said), None)
        return f"{called} @ git+{said['git']}{f'@{revision}' if revision else ''}{marker}"
    return f"{called}{_specifier(str(said.get('version', '*')))}{marker}"


def _specifier(said: str) -> str:
    return ",".join(filter(None, (_clause(part.strip()) for part in said.split(","))))


def _clause(part: str) -> str:
    if part in {"*", ""}:
        return ""
    if found := _CARET.match(part):
        return f">={part[1:].strip()},<{_next(found.groups())}"
    if found := _TILDE.match(part):
        major, minor, _ = found.groups()
        upper = f"{major}.{int(minor) + 1}" if minor else str(int(major) + 1)
        return f">={part[1:].strip()},<{upper}"
    return f"=={part}" if _EXACT.match(part) or part.endswith(".*") else part


def _next(numbers: tuple[str | None, ...]) -> str:
    # `^0.2.3` may not become 0.3: the first number that is not zero is the one that counts.
    known = [int(number) for number in numbers if number is not None]
    at = next((index for index, number in enumerate(known) if number), len(known) - 1)
    return ".".join(map(str, [*known[:at], known[at] + 1]))
