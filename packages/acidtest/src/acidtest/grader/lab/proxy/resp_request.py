"""Redis commands as clients send them: arrays of strings or inline words, with bounded memory."""

from collections.abc import Iterator
from typing import NamedTuple

from acidtest.core.errors import HarnessError
from acidtest.grader.lab.proxy.redis_call import MAX_ARGUMENT

LIMIT = 64 * 1024
"""Bytes of one command that are kept until it is whole; a larger one is read by its beginning."""
_MAX_HEADER = 32
_MAX_WORDS = 64
"""Words of one command that are kept."""
_MOST_WORDS = 1024 * 1024
_MOST_BYTES = 512 * 1024 * 1024
_LINE_END = b"\r\n"


class RespError(HarnessError):
    """The bytes are no Redis protocol; the server would hang up as well."""


class Request(NamedTuple):
    """One command, or the read part of a large one, or an unread further part of it."""

    raw: bytes
    words: tuple[bytes, ...] = ()
    total: int = 0
    """How many words it has in all."""
    first: bool = True


class RequestReader:
    """Cuts a client's stream into commands."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._position = 0
        self._start = 0
        self._words: list[bytes] = []
        self._count = 0
        self._left: int | None = None
        self._bulk: int | None = None
        self._passing = False

    def feed(self, data: bytes) -> Iterator[Request]:
        """The commands that are whole now, and parts of large ones as they come.

        Raises:
            RespError: the bytes are no commands.
        """
        self._kept += data
        while self._step():
            if self._left == 0:
                yield self._take()
        rest = len(self._kept) - self._start
        if rest >= LIMIT or (self._passing and rest):
            part = self._take_part()
            if part.raw:
                yield part
        del self._kept[: self._start]
        self._position -= self._start
        self._start = 0

    def _step(self) -> bool:
        """Read one more thing; False when more bytes are needed."""
        if self._left is None:
            return self._begin()
        if self._bulk is None:
            return self._header()
        return self._argument(self._bulk)

    def _begin(self) -> bool:
        if self._position >= len(self._kept):
            return False
        if self._kept[self._position] != ord("*"):
            return self._inline()
        line = self._line()
        if line is None:
            return False
        self._count = self._left = max(0, _number(line, most=_MOST_WORDS))
        return True

    def _inline(self) -> bool:
        end = self._kept.find(b"\n", self._position)
        if end < 0:
            if len(self._kept) - self._position >= LIMIT:
                raise RespError("an inline command has no end")
            return False
        words = bytes(self._kept[self._position : end]).split()
        self._words = [word[:MAX_ARGUMENT] for word in words[:_MAX_WORDS]]
        self._count = len(words)
        self._position = end + 1
        self._left = 0
        return True

    def _header(self) -> bool:
        line = self._line()
        if line is None:
            return False
        if line[:1] != b"$":
            raise RespError("a command's word does not begin with its length")
        self._bulk = _number(line, most=_MOST_BYTES)
        if self._bulk < 0:
            raise RespError("a command's word has a negative length")
        return True

    def _argument(self, length: int) -> bool:
        end = self._position + length + len(_LINE_END)
        if end > len(self._kept):
            return False
        if len(self._words) < _MAX_WORDS and not self._passing:
            stop = self._position + min(length, MAX_ARGUMENT)
            self._words.append(bytes(self._kept[self._position : stop]))
        self._position = end
        self._bulk = None
        self._left = (self._left or 1) - 1
        return True

    def _line(self) -> bytes | None:
        end = self._kept.find(_LINE_END, self._position)
        if end < 0:
            if len(self._kept) - self._position > _MAX_HEADER:
                raise RespError("a length has no end")
            return None
        line = bytes(self._kept[self._position : end])
        self._position = end + len(_LINE_END)
        return line

    def _take(self) -> Request:
        raw = bytes(self._kept[self._start : self._position])
        first = not self._passing
        request = Request(raw, tuple(self._words), self._count, first=first)
        self._start = self._position
        self._words, self._count, self._left, self._passing = [], 0, None, False
        return request

    def _take_part(self) -> Request:
        """Let go of what is here of a large command, and remember how much is still to come."""
        raw = bytes(self._kept[self._start :])
        first, self._passing = not self._passing, True
        if first and self._bulk is not None and len(self._words) < _MAX_WORDS:
            self._words.append(bytes(self._kept[self._position :][:MAX_ARGUMENT]))
        if self._bulk is not None:
            # Only whole arguments are counted off; what is left of this one may be its line end.
            self._bulk -= len(self._kept) - self._position
            self._position = len(self._kept)
        else:
            raw = raw[: self._position - self._start]
        self._start = self._position
        return Request(raw, tuple(self._words), self._count, first=first)


def _number(line: bytes, *, most: int) -> int:
    digits = line[1:]
    if not digits.removeprefix(b"-").isdigit() or len(digits) > _MAX_HEADER:
        raise RespError("a length is no number")
    number = int(digits)
    if number > most:
        raise RespError("a length is larger than Redis takes")
    return number
