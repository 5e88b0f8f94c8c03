"""How a Python submission's own folders become importable without hiding what it installed.

A room of its own because the order of imports decides what runs: a folder called like a dependency
(`alembic/` with an `__init__.py` is a favourite) must not take its place just because the grader
was generous with paths.
"""

import json
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

NAME = "acidtest-own-folders.pth"
"""Lies among the installed packages; Python appends the folders it names to the end of its path."""
_MOST_RECORD = 2 * 1024 * 1024
_MOST_ENTRIES = 5_000


def _site_packages(environment: Path) -> Path | None:
    """Return the folder of installed packages in a virtual environment, if there is one."""
    return next(iter(sorted(environment.glob("lib/python3*/site-packages"))), None)


def append_command(environment: str, folders: Sequence[str]) -> str:
    """Return the command that puts `folders` behind all that is installed in `environment`.

    It is for the sandbox: what was just built may hold links that lead out of it.
    """
    lines = " ".join(shlex.quote(folder) for folder in folders)
    packages = f"{environment}/lib/python3*/site-packages"
    return f"for d in {packages}; do printf '%s\\n' {lines} > $d/{NAME}; done"


def _small(path: Path) -> bool:
    return path.is_file() and path.stat().st_size <= _MOST_RECORD


def hidden_by(folder: Path, environment: Path) -> frozenset[str]:
    """Return the installed names that `folder` would hide if it came first in the path."""
    packages = _site_packages(environment)
    if packages is None or not folder.is_dir():
        return frozenset()
    here = frozenset(_importable(folder))
    both = here & frozenset(_importable(packages))
    return both - _installed_from_here(packages, both) if both else both


def _importable(folder: Path) -> Iterator[str]:
    for number, path in enumerate(folder.iterdir()):
        if number >= _MOST_ENTRIES:
            return
        if path.suffix == ".py":
            yield path.stem
        elif (path / "__init__.py").is_file():
            # A folder without one never hides an installed package.
            yield path.name


def _installed_from_here(packages: Path, names: frozenset[str]) -> frozenset[str]:
    """The names that come from the submission itself, installed as a package."""
    own: set[str] = set()
    for origin in packages.glob("*.dist-info/direct_url.json"):
        record = origin.with_name("RECORD")
        if _small(origin) and _small(record) and _is_local(origin):
            lines = record.read_text("utf-8", "replace").splitlines()
            own |= {line.split("/", 1)[0].split(",", 1)[0].removesuffix(".py") for line in lines}
    return names & frozenset(own)


def _is_local(origin: Path) -> bool:
    try:
        url = json.loads(origin.read_text("utf-8")).get("url", "")
    except (ValueError, AttributeError):
        return False
    return isinstance(url, str) and url.startswith("file:")
