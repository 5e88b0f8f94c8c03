"""The fingerprint of a copy: equal trees have equal digests, wherever they came from."""

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

_CHUNK = 1024 * 1024


def files_of(tree: Path) -> Iterator[Path]:
    """Yield every file and link below `tree`, ordered by name; links are not followed."""
    for folder, folders, files in os.walk(tree):
        folders.sort()
        linked = [name for name in folders if (Path(folder) / name).is_symlink()]
        for name in sorted(files + linked):
            yield Path(folder) / name


def digest_of(tree: Path) -> str:
    """Return the SHA-256 over paths, kinds, modes and contents of all files below `tree`."""
    whole = hashlib.sha256()
    for path in sorted(files_of(tree), key=lambda path: path.relative_to(tree).as_posix()):
        whole.update(_line(tree, path))
    return whole.hexdigest()


def _line(tree: Path, path: Path) -> bytes:
    name = path.relative_to(tree).as_posix().encode("utf-8", "surrogateescape")
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        return b"link\0" + name + b"\0" + os.fsencode(path.readlink()) + b"\0\n"
    if not stat.S_ISREG(mode):
        return b"other\0" + name + b"\0\n"
    content = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            content.update(chunk)
    kind = b"program" if mode & stat.S_IXUSR else b"file"
    return kind + b"\0" + name + b"\0" + content.digest() + b"\n"
