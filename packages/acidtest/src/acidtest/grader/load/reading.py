"""Reading one HTTP/1.1 answer as its bytes come in, by RFC 9112, within bounds.

Far less than a client needs to know: no trailers are kept, no header is merged, nothing is
unpacked. A room of its own because it reads hostile bytes and is tested against every cut of them.
"""

_MAX_HEAD = 65_536
_MAX_LINE = 4_096
_MOST_DIGITS = 16  # 64 bits in hexadecimal
_FINAL, _SWITCHING = 200, 101
_BODILESS = {204, 304}


class BadAnswerError(Exception):
    """What came is no answer; the message is a reason for the report."""


class AnswerReader:
    """Takes the bytes of one answer; its attributes hold once `feed` says that it is whole.

    Use one for each request.
    """

    __slots__ = ("_buffer", "_head_only", "_left", "_most", "_step", "body", "keeps", "status")

    def __init__(self, *, head_only: bool, most: int) -> None:
        """Wait for an answer of at most `most` bytes; to HEAD (`head_only`) none has a body."""
        self.status = 0
        self.body = bytearray()
        self.keeps = True
        """Whether the connection may be used again."""
        self._buffer = bytearray()
        self._head_only = head_only
        self._most = most
        self._left = 0
        self._step = self._read_head

    @property
    def begun(self) -> bool:
        """Whether anything came."""
        return bool(self._buffer) or self.status > 0

    def feed(self, data: bytes) -> bool:
        """Take what came; whether the answer is whole.

        Raises:
            BadAnswerError: it is no HTTP or too large.
        """
        self._buffer += data
        while self._step():
            if self._step == self._end:
                self.keeps &= not self._buffer
                return True
        return False

    def close(self) -> bool:
        """Take the end of the connection; whether the answer is whole.

        Raises:
            BadAnswerError: it broke off.
        """
        self.keeps = False
        if self._step == self._read_until_close:
            return True
        raise BadAnswerError("the connection was closed before the answer was whole")

    def _end(self) -> bool:
        return True

    def _read_head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > _MAX_HEAD:
                raise BadAnswerError("the headers are larger than a client accepts")
            return False
        first, *lines = bytes(self._buffer[:end]).split(b"\r\n")
        del self._buffer[: end + 4]
        self.status = _status(first)
        if self.status < _FINAL:
            if self.status == _SWITCHING:
                raise BadAnswerError("what came back is not HTTP")
            self.status = 0  # an interim answer; the one that counts follows
            return True
        self._frame(first, lines)
        return True

    def _frame(self, first: bytes, lines: list[bytes]) -> None:
        """Find out how the body ends."""
        length: bytes | None = None
        coded = connection = b""
        for line in lines:
            name, _, value = line.partition(b":")
            lowered = name.lower()
            if lowered == b"content-length":
                if length is not None and length != value.strip():
                    raise BadAnswerError("two different lengths")
                length = value.strip()
            elif lowered == b"transfer-encoding":
                coded = value.strip().lower()
            elif lowered == b"connection":
                connection = value.lower()
        old = first.startswith(b"HTTP/1.0")
        self.keeps = b"keep-alive" in connection if old else b"close" not in connection
        if self._head_only or self.status in _BODILESS:
            self._step = self._end
        elif coded.endswith(b"chunked"):
            self._step = self._read_size
        elif length is not None:
            self._left = _number(length, 10)
            if self._left > self._most:
                raise BadAnswerError("the answer is larger than a client accepts")
            self._step = self._read_length
        else:
            self.keeps = False
            self._step = self._read_until_close

    def _read_length(self) -> bool:
        if len(self._buffer) < self._left:
            return False
        self._take(self._left)
        self._step = self._end
        return True

    def _read_until_close(self) -> bool:
        self._take(len(self._buffer))
        return False

    def _read_size(self) -> bool:
        line = self._line()
        if line is None:
            return False
        self._left = _number(line.partition(b";")[0].strip(), 16)
        self._step = self._read_chunk if self._left else self._read_trailers
        return True

    def _read_chunk(self) -> bool:
        if len(self.body) + self._left > self._most:
            raise BadAnswerError("the answer is larger than a client accepts")
        if len(self._buffer) < self._left + 2:
            return False
        self._take(self._left)
        if self._buffer[:2] != b"\r\n":
            raise BadAnswerError("what came back is not HTTP")
        del self._buffer[:2]
        self._step = self._read_size
        return True

    def _read_trailers(self) -> bool:
        line = self._line()
        if line is None:
            return False
        if not line:
            self._step = self._end
        return True

    def _line(self) -> bytes | None:
        end = self._buffer.find(b"\r\n")
        if end < 0:
            if len(self._buffer) > _MAX_LINE:
                raise BadAnswerError("what came back is not HTTP")
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return line

    def _take(self, count: int) -> None:
        if len(self.body) + count > self._most:
            raise BadAnswerError("the answer is larger than a client accepts")
        self.body += self._buffer[:count]
        del self._buffer[:count]


def _status(line: bytes) -> int:
    version, _, rest = line.partition(b" ")
    if version not in {b"HTTP/1.1", b"HTTP/1.0"} or not rest[:3].isdigit():
        raise BadAnswerError("what came back is not HTTP")
    return int(rest[:3])


def _number(text: bytes, radix: int) -> int:
    digits = b"0123456789abcdef"[:radix]
    if not 0 < len(text) <= _MOST_DIGITS or text.lower().strip(digits):
        raise BadAnswerError("what came back is not HTTP")
    return int(text, radix)
