"""One kept-alive connection to the service, never blocking, and the request under way on it."""

import errno
import socket
import struct

from acidtest.grader.load.reading import AnswerReader, BadAnswerError
from acidtest.grader.load.shots import Shot

_PIECE = 65_536
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Flight:
    """A shot that is due, under way or over. Times are moments of the monotonic clock."""

    __slots__ = ("attended", "due", "over", "shot", "target", "tries")

    def __init__(self, shot: Shot, *, due: float, attended: float, target: int) -> None:
        self.shot = shot
        self.due = due
        self.attended = attended
        """When the generator turned to it."""
        self.target = target
        self.tries = 0
        self.over = False


class LostError(Exception):
    """The connection broke or said what is no HTTP; the message is a reason for the report."""


class Connection:
    """A socket with at most one request on it."""

    __slots__ = ("_out", "_reader", "_sock", "connected", "flight", "idle_since", "target", "used")

    def __init__(self, sock: socket.socket, target: int) -> None:
        self._sock = sock
        self._out = memoryview(b"")
        self._reader: AnswerReader | None = None
        self.target = target
        self.flight: Flight | None = None
        self.connected = False
        self.used = 0
        """Requests it carried."""
        self.idle_since = 0.0

    def fileno(self) -> int:
        """What to poll."""
        return self._sock.fileno()

    def connect(self, host: str, port: int) -> None:
        """Begin to connect.

        Raises:
            LostError: it was refused at once.
        """
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        code = self._sock.connect_ex((host, port))
        self.connected = code == 0
        if code not in {0, errno.EINPROGRESS}:
            raise LostError(_reason(code))

    def begin(self, flight: Flight, message: bytes, reader: AnswerReader) -> bool:
        """Send `message` for `flight`; whether some of it must wait until the socket is writable.

        Raises:
            LostError: the connection is broken.
        """
        self.flight, self._reader, self._out = flight, reader, memoryview(message)
        self.used += 1
        return self.push() if self.connected else True

    def push(self) -> bool:
        """Send what is left; whether some of it still must wait.

        Raises:
            LostError: the connection is broken.
        """
        if not self.connected:
            if code := self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                raise LostError(_reason(code))
            self.connected = True
        try:
            while self._out:
                self._out = self._out[self._sock.send(self._out) :]
        except BlockingIOError:
            return True
        except OSError as error:
            raise LostError(_reason(error.errno or 0)) from None
        return False

    def pull(self) -> AnswerReader | None:
        """Read what is there; the reader once its answer is whole.

        Raises:
            LostError: it ended or broke, or what it says is no HTTP.
        """
        try:
            data = self._sock.recv(_PIECE)
        except BlockingIOError:
            return None
        except OSError as error:
            raise LostError(_reason(error.errno or 0)) from None
        reader = self._reader
        if reader is None:
            raise LostError("something came that nobody asked for" if data else "it was closed")
        try:
            whole = reader.feed(data) if data else reader.close()
        except BadAnswerError as error:
            raise LostError(str(error)) from None
        return reader if whole else None

    @property
    def sent(self) -> bool:
        """Whether the whole request went out; an early answer may come before that."""
        return not self._out

    @property
    def untouched(self) -> bool:
        """Whether nothing came for the request under way."""
        return self._reader is not None and not self._reader.begun

    def free(self) -> None:
        """Be ready for another request."""
        self.flight = self._reader = None

    def close(self, *, hard: bool = False) -> None:
        """Close it; `hard` lets the other side know at once that nobody waits any more."""
        if hard:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._sock.close()


def _reason(code: int) -> str:
    named = {
        errno.ECONNREFUSED: "the connection was refused",
        errno.ECONNRESET: "the connection was reset",
        errno.EPIPE: "the connection was reset",
    }
    return named.get(code, f"the connection broke ({errno.errorcode.get(code, code)})")
