"""The generator's connections: kept alive, grown on demand to a bound, idle ones let go early."""

import select
from collections import deque
from collections.abc import Iterator

from acidtest.grader.load.connection import Connection, Flight, LostError
from acidtest.grader.load.reading import AnswerReader
from acidtest.grader.load.sockets import GoneError, Stock, Target

IDLE_SECONDS = 1.0
"""Well below every server's own limit, so that no request meets a connection that is just closing.
"""
_READ = select.EPOLLIN | select.EPOLLRDHUP
_WRITE = _READ | select.EPOLLOUT


class Pool:
    """Connections to every target, at most `limit` of them."""

    def __init__(
        self, poll: select.epoll, targets: tuple[Target, ...], stock: Stock, *, limit: int
    ) -> None:
        self._poll = poll
        self._targets = targets
        self._stock = stock
        self._limit = limit
        self._open: dict[int, Connection] = {}
        self._idle: list[deque[Connection]] = [deque() for _ in targets]
        self.most = 0
        """The largest number that was open at once."""
        self.dry = False
        """Whether the last `find` failed for want of a socket, which is the judge's own trouble."""

    def __len__(self) -> int:
        return len(self._open)

    def __contains__(self, descriptor: int) -> bool:
        return descriptor in self._open

    def __getitem__(self, descriptor: int) -> Connection:
        return self._open[descriptor]

    def find(self, target: int) -> Connection | None:
        """A free connection to `target`, an idle one if there is one; None where none may be had.

        Raises:
            LostError: it was refused at once.
        """
        self.dry = False
        if self._idle[target]:
            return self._idle[target].pop()
        if len(self._open) >= self._limit and not self._sacrifice():
            return None
        try:
            handed = self._stock.take(target)
        except GoneError:
            raise LostError("the connection was refused") from None
        if handed is None:
            self.dry = True
            return None
        connection = Connection(handed.sock, target)
        try:
            connection.connect(self._targets[target].host, handed.port)
        except LostError:
            connection.close()
            raise
        self._open[connection.fileno()] = connection
        self.most = max(self.most, len(self._open))
        self._poll.register(connection.fileno(), _WRITE if not connection.connected else _READ)
        return connection

    def send(self, connection: Connection, flight: Flight, reader: AnswerReader) -> None:
        """Put `flight` on `connection`.

        Raises:
            LostError: the connection is broken.
        """
        before, after = flight.shot.head
        message = before + self._targets[connection.target].name.encode() + after
        was_connected = connection.connected
        if connection.begin(flight, message, reader) and was_connected:
            self._poll.modify(connection.fileno(), _WRITE)

    def written(self, connection: Connection) -> None:
        """Wait for its answer only."""
        self._poll.modify(connection.fileno(), _READ)

    def release(self, connection: Connection, *, at: float, keep: bool) -> None:
        """Take back a connection whose answer is whole."""
        connection.free()
        if not keep:
            self.drop(connection)
            return
        connection.idle_since = at
        self._idle[connection.target].append(connection)

    def drop(self, connection: Connection, *, hard: bool = False) -> None:
        """Close a connection."""
        self._open.pop(connection.fileno(), None)
        if connection.flight is None and connection in self._idle[connection.target]:
            self._idle[connection.target].remove(connection)
        connection.close(hard=hard)

    def tidy(self, now: float) -> None:
        """Close what has been idle for long."""
        for idle in self._idle:
            while idle and idle[0].idle_since < now - IDLE_SECONDS:
                self.drop(idle[0])

    def close(self) -> None:
        """Close everything."""
        for connection in tuple(self._open.values()):
            connection.close(hard=True)
        self._open.clear()

    def _sacrifice(self) -> bool:
        """Close an idle connection to another target to make room."""
        for connection in self._oldest():
            self.drop(connection)
            return True
        return False

    def _oldest(self) -> Iterator[Connection]:
        for idle in self._idle:
            if idle:
                yield idle[0]
