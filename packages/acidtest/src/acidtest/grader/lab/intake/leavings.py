"""What people leave in a submission by accident: left out or kept, and always said."""

from collections.abc import Iterable

LEFT_OUT = frozenset(
    {
        ".DS_Store",
        ".git",
        ".gradle",
        ".hg",
        ".hypothesis",
        ".idea",
        ".mypy_cache",
        ".next",
        ".nox",
        ".parcel-cache",
        ".pytest_cache",
        ".ruff_cache",
        ".svn",
        ".tox",
        ".venv",
        "__MACOSX",
        "__pycache__",
        "node_modules",
        "venv",
    }
)
"""Names whose whole subtree is never part of what runs: made by tools, not by the candidate."""

_WORTH_SAYING = frozenset({".venv", "venv", "node_modules", "__pycache__", ".tox", ".nox"})
_DATABASES = (".sqlite3", ".sqlite", ".db")
_MOST_NAMED = 3


def is_left_out(parts: tuple[str, ...]) -> str | None:
    """Return the part of a path because of which it is left out, or None."""
    return next((part for part in parts if part in LEFT_OUT or part.startswith("._")), None)


def notes_on(left_out: Iterable[str], kept: Iterable[str]) -> list[str]:
    """Return sentences about tool folders left out, and about files that should not be there."""
    said = sorted(set(left_out) & _WORTH_SAYING)
    notes = [f"`{name}` is in the submission; it was left out" for name in said]
    files = list(kept)
    databases = [path for path in files if path.endswith(_DATABASES)]
    if databases:
        notes.append(f"a database file is in the submission: {_few(databases)}")
    secrets = [path for path in files if path.rsplit("/", 1)[-1] == ".env"]
    if secrets:
        notes.append(f"an environment file, perhaps with secrets, is in it: {_few(secrets)}")
    return notes


def _few(paths: list[str]) -> str:
    named = ", ".join(f"`{path}`" for path in sorted(paths)[:_MOST_NAMED])
    more = len(paths) - _MOST_NAMED
    return f"{named} and {more} more" if more > 0 else named
