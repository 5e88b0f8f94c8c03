"""Who may read and write the files of a tree that a throwaway user will see.

A sandbox's user is nobody the file system knows, so a tree shows it only what everybody may see.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path


def _walk(tree: Path) -> Iterator[os.DirEntry[str]]:
    pending = [str(tree)]
    while pending:
        try:
            entries = list(os.scandir(pending.pop()))
        except FileNotFoundError:
            continue
        for entry in entries:
            yield entry
            if entry.is_dir(follow_symlinks=False):
                pending.append(entry.path)


def _open_one(path: str, mode: int, *, writable: bool) -> None:
    wanted = mode & 0o777 | (0o666 if writable else 0o444)
    if stat.S_ISDIR(mode) or mode & 0o111:
        wanted |= 0o111
    if wanted != stat.S_IMODE(mode):
        Path(path).chmod(wanted)


def open_tree(tree: Path, *, writable: bool) -> None:
    """Let every user read `tree` (and write, if `writable`), and drop set-uid bits.

    Links are left alone and never followed. Call it on a copy in a private directory, before the
    tree is mounted or layered: nobody outside a sandbox can reach it there.
    """
    _open_one(str(tree), tree.lstat().st_mode, writable=writable)
    for entry in _walk(tree):
        mode = entry.stat(follow_symlinks=False).st_mode
        if stat.S_ISDIR(mode) or stat.S_ISREG(mode):
            _open_one(entry.path, mode, writable=writable)


def give_tree(tree: Path, uid: int) -> None:
    """Make `uid` the owner of everything in `tree`; links themselves change, not their targets."""
    os.chown(tree, uid, uid, follow_symlinks=False)
    for entry in _walk(tree):
        os.chown(entry.path, uid, uid, follow_symlinks=False)
