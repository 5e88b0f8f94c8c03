"""Services that keep their books somewhere else than in the PostgreSQL they were given.

A room of its own because that one fact would otherwise show as a dozen findings that name it
nowhere: a stale second instance, an index that is missing, a commit that never came.
"""

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from acidtest.grader.sdk import Env, Seen, clip, unmet

from ._shelf import add_book

CLAIM = "Books are not kept in the PostgreSQL that DATABASE_URL names"
_STORES = re.compile(
    r"""sqlite(?:\+\w+)?:/{2,}[^\s"'`)]{0,80}|\bsqlite3?\.connect\(|["'](?:better-)?sqlite3?["']"""
    r"""|mysql(?:\+\w+)?://|["']mysql2?["']|mongodb(?:\+srv)?://|\bmongoose\.connect\(""",
    re.IGNORECASE,
)
_SOURCES = frozenset(
    {".py", ".ts", ".js", ".mjs", ".cjs", ".json", ".toml", ".ini", ".env", ".go", ".yml", ".yaml"}
)
_NOT_OWN = frozenset({"node_modules", ".git", "tests", "test", "__tests__", "venv", ".venv"})
_MOST_FILES = 400
_MOST_BYTES = 200_000


async def rests_on_postgres(env: Env) -> None:
    """Skip the check where the service keeps its books somewhere else."""
    if await kept_elsewhere(env):
        unmet(f"This rests on R9. {CLAIM}: nothing came there when one was added")


async def kept_elsewhere(env: Env) -> bool:
    """Whether a book is stored without one statement to PostgreSQL."""
    if Seen(env.journal.sql()).writes:
        return False
    async with env.watch() as seen:
        await add_book(env, replica=0)
    return not seen.work


def named_store(tree: Path) -> str:
    """Say where the sources name another database, as a clause; empty where they do not."""
    for path in islice(_own_sources(tree), _MOST_FILES):
        found = _STORES.search(path.read_text("utf-8", "replace"))
        if found is not None:
            return f"; {path.relative_to(tree).as_posix()} says {clip(found[0], 100)}"
    return ""


def _own_sources(tree: Path) -> Iterator[Path]:
    for path in sorted(tree.rglob("*")):
        inner = path.relative_to(tree).parts
        if _NOT_OWN.intersection(inner) or path.is_symlink() or not path.is_file():
            continue
        known = path.suffix in _SOURCES or path.name.startswith(".env")
        if known and path.stat().st_size <= _MOST_BYTES:
            yield path
