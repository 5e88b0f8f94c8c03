"""Git as a source, without ever obeying a repository: no hooks, no filters, no configuration of it.

A room of its own because git runs programs that a repository's own config names. We therefore read
a repository's objects through an empty repository of ours (GIT_OBJECT_DIRECTORY), resolve its
references ourselves, and write files through `Landing` instead of checking out.
"""

import re
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from acidtest.core.errors import SubmissionError
from acidtest.grader.lab.intake.gitcommand import Git
from acidtest.grader.lab.intake.landing import CHUNK, Landing
from acidtest.grader.lab.intake.pathname import shown

_SHA = re.compile(r"^(?:[0-9a-f]{40}|[0-9a-f]{64})$")
_REFERENCE = re.compile(r"^refs/[A-Za-z0-9][A-Za-z0-9._/+@-]*$")
_ABBREVIATED = re.compile(r"^[0-9a-f]{7,64}$")
_MOST_REFERENCES = 4 * 1024 * 1024
_COMMITTER = re.compile(rb"^committer .*> (-?\d{1,12}) [+-]\d{4}$", re.MULTILINE)
_LFS_POINTER = b"version https://git-lfs.github.com/spec/"


class Commit(NamedTuple):
    """One commit of a repository whose objects we can read."""

    sha: str
    committed_at: datetime | None


class TreeEntry(NamedTuple):
    """One line of a commit's tree."""

    mode: int
    sha: str
    path: str


class Repository:
    """Reads commits and files out of an object store that somebody else wrote."""

    def __init__(self, git: Git) -> None:
        self._git = git

    def commit(self, name: str) -> Commit:
        """Return the commit a full or abbreviated hash names.

        Raises:
            SubmissionError: there is no such commit in it.
        """
        answer = self._git.run("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
        sha = answer.stdout.decode("ascii", "replace").strip()
        if answer.code or not _SHA.match(sha):
            raise SubmissionError(f"the repository has no commit `{shown(name)}`")
        text = self._git.run("cat-file", "commit", sha).stdout
        found = _COMMITTER.search(text.partition(b"\n\n")[0])
        return Commit(sha=sha, committed_at=_moment(int(found[1])) if found else None)

    def entries(self, commit: str) -> Iterator[TreeEntry]:
        """Yield every file, link and submodule of a commit."""
        answer = self._git.run("ls-tree", "-r", "-z", "--full-tree", commit)
        if answer.code:
            raise SubmissionError("the repository is damaged: its tree of files cannot be read")
        for line in answer.stdout.split(b"\0"):
            if line:
                head, _, path = line.partition(b"\t")
                mode, _, sha = head.decode("ascii").split(" ")
                yield TreeEntry(int(mode, 8), sha, path.decode("utf-8", "surrogateescape"))

    def land(self, commit: str, landing: Landing) -> None:
        """Write all files of `commit` into `landing`."""
        submodules = 0
        with self._git.contents() as blobs:
            for entry in self.entries(commit):
                if not landing.wants(entry.path):
                    continue
                kind = stat.S_IFMT(entry.mode)
                if kind == stat.S_IFLNK:
                    target = b"".join(blobs.read(entry.sha, at_most=4096))
                    landing.link(entry.path, target.decode("utf-8", "surrogateescape"))
                elif kind == stat.S_IFREG:
                    executable = bool(entry.mode & stat.S_IXUSR)
                    landing.file(entry.path, blobs.read(entry.sha), executable=executable)
                else:
                    submodules += 1
        if submodules:
            landing.notes.append(f"{submodules} git submodules are not fetched; they are missing")


def head_of(git_dir: Path) -> str | None:
    """Return the hash HEAD of a git folder points at, read without running git in it."""
    head = _read(git_dir / "HEAD")
    if head is None:
        return None
    if head.startswith("ref: "):
        return reference(git_dir, head.removeprefix("ref: ").strip())
    return head.strip() if _SHA.match(head.strip()) else None


def named(git_dir: Path, name: str) -> str | None:
    """Return the hash that a branch, tag or hash `name` means in a git folder."""
    if name == "HEAD":
        return head_of(git_dir)
    for full in (name, f"refs/tags/{name}", f"refs/heads/{name}", f"refs/remotes/{name}"):
        if found := reference(git_dir, full):
            return found
    return name if _ABBREVIATED.match(name) else None


def reference(git_dir: Path, name: str) -> str | None:
    """Return the hash a full reference name holds, loose or packed."""
    if not _REFERENCE.match(name) or ".." in name:
        return None
    loose = (_read(git_dir / name) or "").strip()
    if _SHA.match(loose):
        return loose
    packed = _read(git_dir / "packed-refs") or ""
    for line in packed.splitlines():
        sha, _, full = line.partition(" ")
        if full == name and _SHA.match(sha):
            return sha
    return None


def lfs_pointers(tree: Path, paths: list[str]) -> list[str]:
    """Return those files that are only pointers to large files stored elsewhere."""
    return [path for path in paths if _is_lfs_pointer(tree / path)]


def _is_lfs_pointer(file: Path) -> bool:
    if file.is_symlink() or file.stat().st_size >= CHUNK:
        return False
    with file.open("rb") as content:
        return content.read(len(_LFS_POINTER)) == _LFS_POINTER


def _read(path: Path) -> str | None:
    # A symbolic link or a pipe in a hostile .git folder must not lead us anywhere.
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return None
        with path.open("rb") as file:
            return file.read(_MOST_REFERENCES).decode("utf-8", "replace")
    except OSError:
        return None


def _moment(seconds: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None
