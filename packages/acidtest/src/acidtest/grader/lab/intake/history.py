"""What a folder's own git history says about it: its commit, and what was never committed."""

import hashlib
import stat
from pathlib import Path
from typing import NamedTuple

from acidtest.core.errors import SubmissionError
from acidtest.grader.lab.intake.budget import Budget
from acidtest.grader.lab.intake.digest import files_of
from acidtest.grader.lab.intake.gitcommand import Git
from acidtest.grader.lab.intake.leavings import is_left_out
from acidtest.grader.lab.intake.repository import Commit, Repository, TreeEntry, head_of

_SHA1_LENGTH = 40


class History(NamedTuple):
    """What was found; `commit` is None when the folder is no repository."""

    commit: Commit | None
    notes: list[str]


def open_objects(git_dir: Path, home: Path, budget: Budget, *, sha: str) -> Repository:
    """Open somebody's object store for reading, without reading their configuration."""
    git = Git(home, budget, objects=git_dir / "objects")
    git.initialise(object_format="sha1" if len(sha) <= _SHA1_LENGTH else "sha256")
    return Repository(git)


def history_of(source: Path, copy: Path, *, home: Path, budget: Budget) -> History:
    """Return the commit a folder stands on, and how its copy differs from that commit."""
    git_dir = source / ".git"
    if not git_dir.exists():
        return History(None, [])
    if git_dir.is_symlink() or not git_dir.is_dir() or (git_dir / "objects").is_symlink():
        return History(None, ["its `.git` points elsewhere; the commit is unknown"])
    sha = head_of(git_dir)
    if sha is None:
        return History(None, ["the git repository has no commit yet"])
    try:
        repository = open_objects(git_dir, home, budget, sha=sha)
        commit = repository.commit(sha)
        return History(commit, _difference(list(repository.entries(sha)), copy))
    except SubmissionError as error:
        return History(None, [f"the git history was not read: {error}"])


def _difference(committed: list[TreeEntry], copy: Path) -> list[str]:
    wanted = {
        entry.path: entry
        for entry in committed
        if stat.S_ISREG(entry.mode) and not is_left_out(tuple(entry.path.split("/")))
    }
    here = {
        path.relative_to(copy).as_posix(): path for path in files_of(copy) if not path.is_symlink()
    }
    missing = sum(name not in here for name in wanted)
    changed = sum(
        name in here and _blob(here[name], entry) != entry.sha for name, entry in wanted.items()
    )
    extra = sum(name not in wanted for name in here)
    notes = []
    if missing or changed:
        notes.append(
            f"the folder differs from its commit: {changed} files changed, {missing} missing; "
            "the folder as it is was taken"
        )
    if extra:
        notes.append(f"{extra} files are not in its last commit")
    return notes


def _blob(path: Path, entry: TreeEntry) -> str:
    # SHA-1 is git's name for a file here, not a protection.
    name = "sha1" if len(entry.sha) == _SHA1_LENGTH else "sha256"
    content = hashlib.new(name, f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(1024 * 1024):
            content.update(chunk)
    return content.hexdigest()
