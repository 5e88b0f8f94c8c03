"""What the server still owes one client, in order, and what each answer says about a statement."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from acidtest.core.evidence import clip
from acidtest.grader.lab.proxy.gate import Hold
from acidtest.grader.lab.proxy.pg_statement import Execution, Prepared, Statement
from acidtest.grader.lab.proxy.sql_words import ends_block, opens_block

_MAX_ERROR = 500
_IDLE = b"I"


class Kind(Enum):
    """The client messages that are answered."""

    STARTUP = auto()
    QUERY = auto()
    PARSE = auto()
    BIND = auto()
    DESCRIBE = auto()
    EXECUTE = auto()
    CLOSE = auto()
    SYNC = auto()
    FUNCTION = auto()


_ENDS_WITH_READY = frozenset({Kind.STARTUP, Kind.QUERY, Kind.SYNC, Kind.FUNCTION})


@dataclass(slots=True, eq=False)
class Awaited:
    """One client message whose answer is still to come."""

    kind: Kind
    execution: Execution | None = None
    prepared: Prepared | None = None


class Book(Protocol):
    """Where finished statements are written; the proxy itself."""

    def write_statement(self, execution: Execution) -> None:
        """Record a statement that is over, well or badly."""

    def write_ready(self, *, idle: bool, statements: int) -> None:
        """Count a server that is ready again, `idle` when outside any transaction."""


class Ledger:
    """Matches the server's messages to the client's, through pipelines, errors and COPY."""

    def __init__(
        self, book: Book, now: Callable[[], float], *, connection: int = 0, replica: str = ""
    ) -> None:
        self.in_block = False
        self._book = book
        self._now = now
        self._queue: deque[Awaited] = deque()
        self._unsettled: list[Execution] = []
        self._ignoring = False
        self._since_idle = 0
        self._connection = connection
        self._replica = replica
        self._answers: dict[int, Callable[[bytes], None]] = {
            ord("1"): lambda _: self._pop(Kind.PARSE),
            ord("2"): lambda _: self._pop(Kind.BIND),
            ord("3"): lambda _: self._pop(Kind.CLOSE),
            ord("n"): lambda _: self._pop(Kind.DESCRIBE),
            ord("T"): lambda _: self._pop(Kind.DESCRIBE),
            ord("t"): self._types,
            ord("C"): self._complete,
            ord("I"): self._complete,
            ord("s"): self._suspended,
            ord("G"): self._copy_in,
            ord("E"): self._error,
            ord("Z"): self._ready,
        }

    def expect(self, awaited: Awaited) -> None:
        """Note a client message on its way; the server ignores some after an error."""
        if awaited.kind is Kind.SYNC:
            self._ignoring = False
        elif self._ignoring:
            self._skip(awaited)
            return
        self._queue.append(awaited)

    def note_block(self, text: str) -> None:
        """Follow the client into and out of transaction blocks."""
        if opens_block(text):
            self.in_block = True
        elif ends_block(text):
            self.in_block = False

    def answer(self, kind: int, body: bytes) -> None:
        """Take one server message; those that answer nothing are ignored."""
        handler = self._answers.get(kind)
        if handler is not None:
            handler(body)

    def wants(self, kind: int) -> bool:
        """Whether the body of such a server message is read at all."""
        return kind in self._answers

    def delivered(self, rows: int) -> None:
        """Count rows that went by."""
        if self._queue and self._queue[0].execution is not None:
            self._queue[0].execution.delivered += rows

    @property
    def reply_hold(self) -> Hold[Statement] | None:
        """The gate before the answer that comes next, if there is one."""
        if not self._queue or self._queue[0].execution is None:
            return None
        return self._queue[0].execution.reply_hold

    def under_way(self) -> tuple[Execution, ...]:
        """The statements whose answers have not come."""
        return tuple(a.execution for a in self._queue if a.execution is not None)

    def close(self, reason: str) -> None:
        """End whatever is under way with `reason`."""
        for execution in self.under_way():
            self._finish(execution, error=execution.error or reason)
            execution.settle(done=False)
        for execution in self._unsettled:
            execution.settle(done=False)
        self._queue.clear()
        self._unsettled.clear()

    def _pop(self, kind: Kind) -> None:
        if self._queue and self._queue[0].kind is kind:
            self._queue.popleft()

    def _types(self, body: bytes) -> None:
        if self._queue and self._queue[0].prepared is not None:
            count = int.from_bytes(body[:2], "big")
            words = (body[2 + 4 * i : 6 + 4 * i] for i in range(min(count, len(body) // 4)))
            self._queue[0].prepared.oids = tuple(int.from_bytes(word, "big") for word in words)

    def _complete(self, body: bytes) -> None:
        if not self._queue or self._queue[0].execution is None:
            return
        head = self._queue[0]
        tag = body.rstrip(b"\0").rpartition(b" ")[2]
        rows = int(tag) if tag.isdigit() else 0
        execution = self._queue[0].execution
        execution.rows += rows
        execution.finished_at = self._now()
        if head.kind is Kind.EXECUTE:
            self._executed()

    def _suspended(self, _body: bytes) -> None:
        if self._queue and self._queue[0].kind is Kind.EXECUTE:
            execution = self._queue[0].execution
            if execution is not None:
                execution.rows = execution.delivered
                execution.finished_at = self._now()
            self._executed()

    def _executed(self) -> None:
        """The head is a statement of the extended protocol, and it is done."""
        execution = self._queue.popleft().execution
        if execution is None:
            return
        self._finish(execution)
        statement = execution.statement
        if statement.is_commit or statement.in_transaction:
            execution.settle(done=True)
            return
        # Outside a block the work is committed only when the server reads the Sync that follows.
        self._unsettled.append(execution)
        if not any(awaited.kind is Kind.SYNC for awaited in self._queue):
            execution.arrive()

    def _copy_in(self, _body: bytes) -> None:
        # Libraries send a Sync with their COPY; the server, now reading rows, ignores that one.
        if self._queue and self._queue[0].kind is Kind.EXECUTE:
            kept = [awaited for awaited in self._queue if awaited.kind is not Kind.SYNC]
            self._queue = deque(kept)

    def _error(self, body: bytes) -> None:
        error = describe_error(body)
        if not self._queue:
            return
        head = self._queue[0]
        if head.kind in _ENDS_WITH_READY:
            self._error_before_ready(head, error)
            return
        self._queue.popleft()
        guilty = head.execution or self._next_execution(head)
        if guilty is None and head.prepared is not None and head.kind is Kind.PARSE:
            self._write_unexecuted(head.prepared.text, error)
        elif guilty is not None:
            guilty.error = error
        if head.execution is not None:
            self._finish(head.execution)
            self._unsettled.append(head.execution)
        while self._queue and self._queue[0].kind is not Kind.SYNC:
            self._skip(self._queue.popleft())
        self._ignoring = not self._queue
        if self._ignoring and head.execution is not None:
            head.execution.arrive()

    def _error_before_ready(self, head: Awaited, error: str) -> None:
        if head.execution is not None:
            head.execution.error = error
            head.execution.finished_at = self._now()
        elif head.kind is Kind.SYNC:
            self._write_unexecuted("COMMIT /* implied by Sync */", error)

    def _next_execution(self, head: Awaited) -> Execution | None:
        """The statement that a failed Parse, Bind or Describe was made for."""
        for awaited in self._queue:
            if awaited.kind is Kind.SYNC:
                return None
            if awaited.execution is not None:
                portal = awaited.execution.statement.portal
                same = portal is not None and portal.prepared is head.prepared
                return awaited.execution if same else None
        return None

    def _skip(self, awaited: Awaited) -> None:
        if awaited.execution is not None:
            default = "not run: an earlier statement of the same pipeline failed"
            self._finish(awaited.execution, error=awaited.execution.error or default)
            self._unsettled.append(awaited.execution)

    def _ready(self, body: bytes) -> None:
        while self._queue and self._queue[0].kind not in _ENDS_WITH_READY:
            self._skip(self._queue.popleft())
        if self._queue:
            head = self._queue.popleft()
            if head.execution is not None:
                self._finish(head.execution)
                self._unsettled.append(head.execution)
        settled, self._unsettled = self._unsettled, []
        for execution in settled:
            execution.settle(done=True)
        idle = body[:1] == _IDLE
        if not self._queue:
            self.in_block = not idle
        self._book.write_ready(idle=idle, statements=self._since_idle)
        if idle:
            self._since_idle = 0

    def _finish(self, execution: Execution, *, error: str | None = None) -> None:
        if execution.finished_at is None:
            execution.finished_at = self._now()
        if error is not None:
            execution.error = error
        self._since_idle += 1
        self._book.write_statement(execution)

    def _write_unexecuted(self, text: str, error: str) -> None:
        statement = Statement(
            self._connection, self._replica, text, self._now(), self.in_block, simple=False
        )
        self._finish(Execution(statement), error=error)


def describe_error(body: bytes) -> str:
    """SQLSTATE and message of the server's error."""
    fields = {part[:1]: part[1:] for part in body.split(b"\0") if part}
    code = fields.get(b"C", b"?????").decode(errors="replace")
    message = fields.get(b"M", b"").decode(errors="replace")
    return clip(f"{code} {message}", _MAX_ERROR)
