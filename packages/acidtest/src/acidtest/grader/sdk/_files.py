"""The files of a submission, without what other people wrote."""

from pathlib import Path

_MOST_FILES = 5_000
_NOT_THEIRS = frozenset({"node_modules", ".git", ".venv", "venv", "vendor"})


def own_files(root: Path) -> list[Path]:
    """The files below `root`, those at the top first; links and other people's are left out."""
    files: list[Path] = []
    for path in root.rglob("*"):
        if len(files) >= _MOST_FILES:
            break
        inside = path.relative_to(root).parts
        if path.is_file() and not path.is_symlink() and not _NOT_THEIRS & {*inside}:
            files.append(path)
    return sorted(files, key=lambda path: len(path.parts))
