"""Decompression in small bites, so that a bomb is noticed while it is small."""

import bz2
import lzma
import zlib
from typing import IO, Protocol

from acidtest.core.errors import SubmissionError
from acidtest.grader.lab.intake.budget import Budget
from acidtest.grader.lab.intake.landing import CHUNK
from acidtest.grader.lab.intake.pathname import shown
from acidtest.grader.lab.intake.submission import MIB

_MOST_XZ_MEMORY = 256 * MIB
"""`xz -9` needs 65 MiB; a header may ask for gigabytes."""


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Gzip:
    """zlib's gzip reader behind the interface its bz2 and lzma cousins share."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)


class _Plain:
    """No compression; bytes pass through."""

    eof = False
    needs_input = True
    unused_data = b""

    def decompress(self, data: bytes, max_length: int) -> bytes:  # noqa: ARG002 - the shared interface; input chunks are small already
        return data


def _decompressor(kind: str) -> _Decompressor:
    if kind == "gzip":
        return _Gzip()
    if kind == "bzip2":
        return bz2.BZ2Decompressor()
    if kind == "xz":
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MOST_XZ_MEMORY)
    return _Plain()


class Inflated:
    """A readable stream of what `file` unpacks to; every byte is counted before it is handed on."""

    def __init__(self, file: IO[bytes], kind: str, budget: Budget) -> None:
        self._file = file
        self._kind = kind
        self._budget = budget
        self._inner = _decompressor(kind)
        self._ready = bytearray()
        self._ended = False

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes; fewer only at the end."""
        while len(self._ready) < size and not self._ended:
            self._fill()
        chunk = bytes(self._ready[:size])
        del self._ready[:size]
        return chunk

    def _fill(self) -> None:
        if self._inner.eof:
            self._next_member()
            return
        data = self._file.read(CHUNK) if self._inner.needs_input else b""
        if not data and self._inner.needs_input:
            self._end_of_input()
            return
        self._take(data)

    def _take(self, data: bytes) -> None:
        try:
            out = self._inner.decompress(data, CHUNK)
        except (zlib.error, lzma.LZMAError, OSError, EOFError) as error:
            raise SubmissionError(f"the archive is damaged: {shown(str(error))}") from error
        if self._kind != "plain":
            self._budget.unpacked(len(out))
        self._ready += out

    def _next_member(self) -> None:
        # gzip, bzip2 and xz files may be several compressed pieces one after another.
        rest = self._inner.unused_data or self._file.read(CHUNK)
        if not rest.strip(b"\x00"):
            self._ended = True
            return
        self._inner = _decompressor(self._kind)
        self._take(rest)

    def _end_of_input(self) -> None:
        if self._kind in {"gzip", "bzip2", "xz"}:
            raise SubmissionError("the archive is cut short; pack it again")
        self._ended = True
