"""The server's half of PostgreSQL's protocol: read as it goes by, rows only counted."""

from collections.abc import Callable

from acidtest.grader.lab.proxy.gate import Hold
from acidtest.grader.lab.proxy.link import Link
from acidtest.grader.lab.proxy.pg_frontend import LIMIT, ProtocolError
from acidtest.grader.lab.proxy.pg_ledger import Ledger
from acidtest.grader.lab.proxy.pg_statement import Statement

_HEADER = 5
_DATA_ROW = ord("D")
_AUTHENTICATION = ord("R")


class Backend:
    """Follows the server's messages to one client and passes them on, answers through the gates.

    Attributes:
        login: while set, takes the body of each authentication request in the client's stead and
            says whether the client shall see the message.
    """

    def __init__(self, link: Link, ledger: Ledger) -> None:
        self.login: Callable[[bytes], bool] | None = None
        self._link = link
        self._ledger = ledger
        self._kept = b""
        self._passing = 0
        self._mark = 0
        self._rows = 0
        self._hold: Hold[Statement] | None = None

    def feed(self, data: bytes) -> None:
        """Take bytes of the server.

        Raises:
            ProtocolError: they are no messages, so this is no PostgreSQL server.
        """
        buffer = self._kept + data if self._kept else data
        self._mark = 0
        position = min(self._passing, len(buffer))
        self._passing -= position
        while len(buffer) - position >= _HEADER:
            length = int.from_bytes(buffer[position + 1 : position + _HEADER], "big") + 1
            if length < _HEADER:
                raise ProtocolError("the server's message claims an impossible length")
            kind, end = buffer[position], position + length
            if end > len(buffer) and length < LIMIT and self._reads(kind):
                break
            self._meet_gate(buffer, position)
            if kind == _DATA_ROW:
                end = self._skip_rows(buffer, position)
            else:
                self._read(buffer, position, end)
            self._passing = max(0, end - len(buffer))
            position = min(end, len(buffer))
        self._count_rows()
        self._kept = buffer[position:]
        self._pass(buffer, position)
        self._leave_gate()

    def _skip_rows(self, buffer: bytes, position: int) -> int:
        """The end of a run of rows, which may lie beyond the buffer; large results are all rows."""
        end, rows, last_header = position, 0, len(buffer) - _HEADER
        while end <= last_header and buffer[end] == _DATA_ROW:
            # The smallest length keeps a lying server from holding us in this loop for ever.
            end += 1 + max(4, int.from_bytes(buffer[end + 1 : end + _HEADER], "big"))
            rows += 1
        self._rows += rows
        return end

    def _read(self, buffer: bytes, position: int, end: int) -> None:
        kind = buffer[position]
        if kind == _AUTHENTICATION and self.login is not None:
            self._pass(buffer, position)
            if not self.login(buffer[position + _HEADER : end]):
                self._mark = end
            return
        if self._ledger.wants(kind):
            self._count_rows()
            self._ledger.answer(kind, buffer[position + _HEADER : end])

    def _reads(self, kind: int) -> bool:
        return self._ledger.wants(kind) or (kind == _AUTHENTICATION and self.login is not None)

    def _count_rows(self) -> None:
        if self._rows:
            self._ledger.delivered(self._rows)
            self._rows = 0

    def _meet_gate(self, buffer: bytes, position: int) -> None:
        """Split where an answer begins that a gate wants to hold."""
        hold = self._ledger.reply_hold
        if hold is not None and hold is not self._hold:
            self._pass(buffer, position)
            self._hold = hold

    def _leave_gate(self) -> None:
        if self._hold is None:
            return
        if not self._hold.arrived and self._link.down.full:
            self._hold.arrive()  # the rest of so large an answer will not come before it is let go
        if self._ledger.reply_hold is None:
            self._hold = None

    def _pass(self, buffer: bytes, upto: int) -> None:
        if upto > self._mark:
            self._link.down.push(buffer[self._mark : upto], hold=self._hold)
            self._mark = upto
