"""Redis replies in both versions of its protocol: told apart and summed up, never kept."""

from collections.abc import Iterator
from typing import NamedTuple

from acidtest.grader.lab.proxy.resp_request import RespError

_LINE_END = b"\r\n"
_MAX_LINE = 64 * 1024
_MAX_ELEMENTS = 1_024
"""Elements of one reply that are told apart, as MGET and EXEC need."""
_MAX_DEPTH = 64
_MAX_TEXT = 200
_LINES = frozenset(b"+-:_#,(")
_BULKS = frozenset(b"$=!")
_PAIRS = frozenset(b"%|")
_LISTS = frozenset(b"*~>%|")


class Reply(NamedTuple):
    """The sum of one reply, or of one element of it."""

    kind: int
    text: str
    """Of a line: the line. Of others: `nil`, `12 bytes`, `3 elements`."""
    size: int = 0
    """Bytes of a string or elements of a list; -1 for nil."""
    elements: tuple["Reply", ...] = ()

    @property
    def is_nil(self) -> bool:
        """Whether there is nothing."""
        return self.size < 0

    @property
    def is_error(self) -> bool:
        """Whether the server refused."""
        return self.kind in b"-!"

    @property
    def is_push(self) -> bool:
        """Whether it answers nothing but came by itself."""
        return self.kind == ord(">")


class Seen(NamedTuple):
    """How far a reader got in the bytes it was fed, and the whole reply that ends there, if any."""

    end: int
    reply: Reply | None


class _Open:
    """A list whose elements are still coming."""

    def __init__(self, kind: int, count: int) -> None:
        self.kind = kind
        self.left = count
        self.count = count
        self.elements: list[Reply] = []

    def close(self) -> Reply:
        """The list as a whole."""
        return Reply(self.kind, f"{self.count} elements", self.count, tuple(self.elements))


class ReplyReader:
    """Follows a server's stream; strings go by without being kept."""

    def __init__(self) -> None:
        self._kept = b""
        self._passing = 0
        self._bulk: Reply | None = None
        self._open: list[_Open] = []
        self._skip_attribute = False

    @property
    def between(self) -> bool:
        """Whether the next byte begins a reply."""
        return not (self._kept or self._bulk or self._open)

    def feed(self, data: bytes) -> Iterator[Seen]:
        """Every whole reply and where in `data` it ends; a last one without reply for the rest.

        Raises:
            RespError: the bytes are no replies.
        """
        before = len(self._kept)
        buffer = self._kept + data if before else data
        position = 0
        while position < len(buffer):
            if self._bulk is not None:
                step = min(self._passing, len(buffer) - position)
                self._passing -= step
                position += step
                done = self._end_bulk()
            else:
                end = buffer.find(_LINE_END, position)
                if end < 0:
                    break
                done = self._line(buffer[position], buffer[position + 1 : end])
                position = end + len(_LINE_END)
            if done is not None:
                yield Seen(position - before, done)
        self._kept = buffer[position:]
        if len(self._kept) > _MAX_LINE:
            raise RespError("a reply's line has no end")
        yield Seen(len(data), None)

    def _line(self, kind: int, line: bytes) -> Reply | None:
        if kind in _LINES:
            nil = kind == ord("_")
            text = "nil" if nil else line[:_MAX_TEXT].decode(errors="replace")
            return self._complete(Reply(kind, text, -1 if nil else 0))
        if kind not in _BULKS and kind not in _LISTS:
            raise RespError("a reply begins with an unknown sign")
        size = _size(line)
        if size < 0:
            return self._complete(Reply(kind, "nil", -1))
        if kind in _BULKS:
            self._bulk = Reply(kind, f"{size} bytes", size)
            self._passing = size + len(_LINE_END)
            return None
        return self._begin_list(kind, size * 2 if kind in _PAIRS else size)

    def _begin_list(self, kind: int, count: int) -> Reply | None:
        if len(self._open) >= _MAX_DEPTH:
            raise RespError("a reply is nested too deeply")
        if count == 0:
            return None if kind == ord("|") else self._complete(_Open(kind, 0).close())
        self._open.append(_Open(kind, count))
        return None

    def _end_bulk(self) -> Reply | None:
        if self._passing or self._bulk is None:
            return None
        bulk, self._bulk = self._bulk, None
        return self._complete(bulk)

    def _complete(self, reply: Reply) -> Reply | None:
        """Count a value off the list it is in; the whole reply when that was the last one."""
        while self._open:
            inner = self._open[-1]
            if len(inner.elements) < _MAX_ELEMENTS and len(self._open) == 1:
                inner.elements.append(reply._replace(elements=()))
            inner.left -= 1
            if inner.left:
                return None
            self._open.pop()
            if inner.kind == ord("|"):  # attributes describe the value that follows them
                return None
            reply = inner.close()
        return reply


def _size(line: bytes) -> int:
    if not line.removeprefix(b"-").isdigit() or len(line) > 20:  # noqa: PLR2004 - digits of 2^63
        raise RespError("a reply's length is no number")
    return int(line)
