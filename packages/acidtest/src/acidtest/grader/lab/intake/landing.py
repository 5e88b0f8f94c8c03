"""Where files land: the only code that writes a submission to disk.

A room of its own because each door (folder, archive, git) is then only a reader of entries, and the
promise "nothing is written outside the copy" is kept in one place: files are created exclusively,
parents are folders made here, and links are made last, so nothing can be written through one.
"""

import os
import shutil
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from acidtest.core.errors import SubmissionError
from acidtest.grader.lab.intake.budget import Budget
from acidtest.grader.lab.intake.leavings import is_left_out, notes_on
from acidtest.grader.lab.intake.pathname import parts_of, shown

CHUNK = 64 * 1024
"""Bytes read at a time; every chunk is counted before the next is read."""

_Kind = Literal["file", "folder", "link"]
_MOST_COLLISIONS = 3


class Landing:
    """Receives the entries of one submission into the new folder `tree`."""

    def __init__(self, tree: Path, budget: Budget) -> None:
        self.tree = tree
        self.budget = budget
        self.notes: list[str] = []
        self._seen: dict[tuple[str, ...], _Kind] = {}
        self._folded: dict[str, str] = {}
        self._links: dict[tuple[str, ...], str] = {}
        self._left_out: set[str] = set()
        self._collisions = 0
        tree.mkdir(parents=True)

    def wants(self, name: str) -> bool:
        """Say whether the entry is kept; a refused name raises, a left-out one is only counted."""
        return self._accept(name) is not None

    def folder(self, name: str) -> None:
        """Make a folder; making it twice is fine."""
        parts = self._accept(name)
        if parts:
            self._ensure_folder(parts, name)

    def file(self, name: str, chunks: Iterable[bytes], *, executable: bool = False) -> None:
        """Write one new file from `chunks`, counting while reading."""
        parts = self._accept(name)
        if parts is None:
            return
        path = self._place(parts, name, "file")
        mode = 0o755 if executable else 0o644
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        written = 0
        with open(os.open(path, flags, mode), "wb") as out:  # noqa: PTH123 - opened exclusively
            for chunk in chunks:
                written += len(chunk)
                self.budget.wrote(name, len(chunk), written)
                out.write(chunk)

    def twin(self, name: str, original: str) -> None:
        """Copy an entry that landed before; this is what a hard link becomes."""
        source = parts_of(original, self.budget.limits)
        if self._seen.get(source) != "file":
            raise SubmissionError(
                f"the hard link `{shown(name)}` points at `{shown(original)}`, which is no file "
                "of the submission before it; it was refused"
            )
        with self.tree.joinpath(*source).open("rb") as content:
            executable = bool(os.fstat(content.fileno()).st_mode & stat.S_IXUSR)
            self.file(name, iter(lambda: content.read(CHUNK), b""), executable=executable)

    def link(self, name: str, target: str) -> None:
        """Remember a symbolic link; it is made by `finish`, after every file."""
        parts = self._accept(name)
        if parts is None:
            return
        self._place(parts, name, "link")
        self._links[parts] = target

    def finish(self, *, leaving_links: Literal["refuse", "leave out"]) -> None:
        """Make the links that stay inside the tree, and collect what is worth saying.

        Raises:
            SubmissionError: a link leads out of the submission and that is to be refused.
        """
        self._remove_environments()
        for parts, target in sorted(self._links.items()):
            name = "/".join(parts)
            path = self.tree.joinpath(*parts)
            self.budget.tick()
            if self._make_link(path, target):
                continue
            if leaving_links == "refuse":
                raise SubmissionError(
                    f"the link `{shown(name)}` leads out of the submission "
                    f"(to `{shown(target)}`); it was refused"
                )
            self.notes.append(f"the link `{shown(name)}` leads out of the folder; it was left out")
        files = ("/".join(parts) for parts, kind in self._seen.items() if kind == "file")
        self.notes.extend(notes_on(self._left_out, (shown(file) for file in files)))

    def _remove_environments(self) -> None:
        # Only the marker inside tells a virtual environment that is not called `.venv`.
        found = [parts[:-1] for parts in self._seen if parts[-1] == "pyvenv.cfg" and parts[1:]]
        for folder in found:
            shutil.rmtree(self.tree.joinpath(*folder), ignore_errors=True)
            inside = [parts for parts in self._seen if parts[: len(folder)] == folder]
            for parts in inside:
                del self._seen[parts]
                self._links.pop(parts, None)
            name = shown("/".join(folder))
            self.notes.append(f"`{name}` is a virtual environment; it was left out")

    def _make_link(self, path: Path, target: str) -> bool:
        if not target or target.startswith("/") or "\x00" in target or "\\" in target:
            return False
        tree = os.path.realpath(self.tree)
        lexical = os.path.normpath(os.path.join(path.parent, target))  # noqa: PTH118 - lexical on purpose
        if not Path(lexical).is_relative_to(self.tree):
            return False
        path.symlink_to(target)
        if Path(os.path.realpath(path)).is_relative_to(tree):
            return True
        path.unlink()
        return False

    def _accept(self, name: str) -> tuple[str, ...] | None:
        parts = parts_of(name, self.budget.limits)
        reason = is_left_out(parts)
        if reason:
            self._left_out.add(reason)
            self.budget.skipped(name)
            return None
        return parts

    def _place(self, parts: tuple[str, ...], name: str, kind: _Kind) -> Path:
        if not parts or parts in self._seen:
            raise SubmissionError(f"the entry `{shown(name)}` occurs twice; it was refused")
        self._ensure_folder(parts[:-1], name)
        self._remember(parts, name, kind)
        return self.tree.joinpath(*parts)

    def _ensure_folder(self, parts: tuple[str, ...], name: str) -> None:
        for depth in range(1, len(parts) + 1):
            upper = parts[:depth]
            kind = self._seen.get(upper)
            if kind is None:
                self._remember(upper, name, "folder")
                self.tree.joinpath(*upper).mkdir(mode=0o755)
            elif kind != "folder":
                raise SubmissionError(
                    f"the entry `{shown(name)}` goes through `{shown('/'.join(upper))}`, "
                    f"which is a {kind}; it was refused"
                )

    def _remember(self, parts: tuple[str, ...], name: str, kind: _Kind) -> None:
        self.budget.entry(name)
        self._seen[parts] = kind
        path = "/".join(parts)
        other = self._folded.setdefault(path.casefold(), path)
        if other != path:
            self._collisions += 1
            if self._collisions <= _MOST_COLLISIONS:
                self.notes.append(
                    f"`{shown(other)}` and `{shown(path)}` differ only in case; "
                    "they collide on Windows and macOS"
                )
