"""Built dependency environments, kept for the next submission with exactly the same ones.

Kept is only the result, never a package manager's own download cache: a build runs the submission's
code, and a cache it could write to would let one submission change what another one installs.
Downloading again costs one or two seconds, poisoning would cost the verdict.
"""

import asyncio
import fcntl
import hashlib
import os
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from acidtest.core.errors import InfrastructureError
from acidtest.grader.lab.sandbox import MIB, open_tree

FORMAT = "2"
"""Part of every key; raise it when what is stored changes its meaning."""
_MOST_ENTRIES = 60
_MOST_BYTES = 8 * 1024 * MIB
_POLL = 0.05
_SIZE_FILE = "size"
_CONTENT = "content"
_STALE_SECONDS = 24 * 3600.0


class Kept(NamedTuple):
    """An environment in the store."""

    path: Path
    cached: bool
    """Whether it was there before."""


class Store:
    """A folder of finished environments, safe for several builders at once."""

    def __init__(
        self, folder: Path, *, entries: int = _MOST_ENTRIES, total_bytes: int = _MOST_BYTES
    ) -> None:
        self._folder = folder
        self._entries = entries
        self._bytes = total_bytes
        for name in ("ready", "making", "locks"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)

    async def get(
        self, key: str, make: Callable[[Path], Awaitable[None]], *, deadline: float
    ) -> Kept:
        """Return the environment called `key`, made by `make` into a new folder if it is missing.

        A half-made one is never seen by anybody: it is renamed into place when complete. Whoever
        asks for the same key meanwhile waits and gets the finished one.
        """
        ready = self._folder / "ready" / key
        async with self._locked(key, deadline):
            if not ready.exists():
                await self._make(ready, make)
                return Kept(ready / _CONTENT, cached=False)
        # The time of last use, which decides what is dropped first.
        os.utime(ready)
        return Kept(ready / _CONTENT, cached=True)

    async def _make(self, ready: Path, make: Callable[[Path], Awaitable[None]]) -> None:
        making = self._folder / "making" / f"{ready.name[:16]}-{secrets.token_hex(4)}"
        content = making / _CONTENT
        content.mkdir(parents=True)
        try:
            await make(content)
            size = await asyncio.to_thread(_seal, content)
            (making / _SIZE_FILE).write_text(str(size))
            making.rename(ready)
        except BaseException:
            await asyncio.to_thread(shutil.rmtree, making, ignore_errors=True)
            raise
        await asyncio.to_thread(self._make_room, ready)

    @asynccontextmanager
    async def _locked(self, key: str, deadline: float) -> AsyncIterator[None]:
        until = time.monotonic() + deadline
        descriptor = os.open(self._folder / "locks" / key, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
        try:
            while not _try_lock(descriptor):
                if time.monotonic() > until:
                    raise InfrastructureError("another build holds the same environment too long")
                await asyncio.sleep(_POLL)
            yield
        finally:
            os.close(descriptor)

    def _make_room(self, newest: Path) -> None:
        entries = sorted((self._folder / "ready").iterdir(), key=lambda path: path.stat().st_mtime)
        total = sum(_size_of(path) for path in entries)
        for path in entries:
            count = len(list((self._folder / "ready").iterdir()))
            if path == newest or (count <= self._entries and total <= self._bytes):
                continue
            total -= _size_of(path)
            # Renamed first, so that nobody finds it half removed.
            dropped = self._folder / "making" / f"dropped-{secrets.token_hex(4)}"
            path.rename(dropped)
            shutil.rmtree(dropped, ignore_errors=True)
        self._sweep()

    def _sweep(self) -> None:
        # What a killed grader left half made.
        for path in (self._folder / "making").iterdir():
            if time.time() - path.stat().st_mtime > _STALE_SECONDS:
                shutil.rmtree(path, ignore_errors=True)


def key_of(*parts: str) -> str:
    """Return the key for everything an environment depends on."""
    whole = hashlib.sha256()
    for part in (FORMAT, *parts):
        whole.update(f"{len(part)}:{part}".encode("utf-8", "surrogateescape"))
    return whole.hexdigest()


def clean_tree(tree: Path) -> int:
    """Remove pipes and sockets a build left behind, and return the bytes that remain."""
    size = 0
    for folder, _, files in os.walk(tree):
        for file in files:
            path = Path(folder) / file
            if path.is_symlink():
                continue
            if not path.is_file():
                path.unlink()
                continue
            size += path.stat().st_size
    return size


def _seal(tree: Path) -> int:
    size = clean_tree(tree)
    open_tree(tree, writable=False)
    return size


def _size_of(entry: Path) -> int:
    try:
        return int((entry / _SIZE_FILE).read_text())
    except (OSError, ValueError):
        return 0


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
