"""A folder as a source: read through descriptors, so a link swapped under us gains nothing."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from acidtest.core.errors import SubmissionError
from acidtest.grader.lab.intake.landing import CHUNK, Landing
from acidtest.grader.lab.intake.pathname import shown

_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def copy_folder(source: Path, landing: Landing) -> None:
    """Copy every plain file, folder and inner link of `source`; the source is only read."""
    top = os.open(source, _OPEN & ~os.O_NOFOLLOW | os.O_DIRECTORY)
    try:
        _copy_level(top, "", landing)
    finally:
        os.close(top)


def _copy_level(descriptor: int, prefix: str, landing: Landing) -> None:
    with os.scandir(descriptor) as listing:
        names = sorted(entry.name for entry in listing)
    for name in names:
        path = f"{prefix}{name}"
        if landing.wants(path):
            _copy_entry(descriptor, name, path, landing)


def _copy_entry(parent: int, name: str, path: str, landing: Landing) -> None:
    mode = os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode
    if stat.S_ISLNK(mode):
        landing.link(path, os.readlink(name, dir_fd=parent))
        return
    if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
        landing.notes.append(f"`{shown(path)}` is neither a file nor a folder; it was left out")
        return
    try:
        descriptor = os.open(name, _OPEN, dir_fd=parent)
    except OSError as error:
        raise SubmissionError(f"cannot read `{shown(path)}`: {error.strerror}") from error
    try:
        _copy_open(descriptor, path, landing)
    finally:
        os.close(descriptor)


def _copy_open(descriptor: int, path: str, landing: Landing) -> None:
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISDIR(mode):
        if _is_virtual_environment(descriptor):
            landing.notes.append(f"`{shown(path)}` is a virtual environment; it was left out")
            return
        landing.folder(path)
        _copy_level(descriptor, f"{path}/", landing)
    elif stat.S_ISREG(mode):
        landing.file(path, _chunks(descriptor), executable=bool(mode & stat.S_IXUSR))


def _is_virtual_environment(descriptor: int) -> bool:
    try:
        os.stat("pyvenv.cfg", dir_fd=descriptor, follow_symlinks=False)
    except OSError:
        return False
    return True


def _chunks(descriptor: int) -> Iterator[bytes]:
    while chunk := os.read(descriptor, CHUNK):
        yield chunk
