"""The client's half of PostgreSQL's protocol: what it asks, seen before the server sees it.

Messages of the extended protocol are kept until the Execute they lead to, because PostgreSQL takes
a statement's snapshot when it is bound: a gate that let the Bind through would be too late.
"""

import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol, TypeVar

from acidtest.core.errors import HarnessError
from acidtest.grader.lab.proxy.gate import Gatehouse
from acidtest.grader.lab.proxy.link import Link
from acidtest.grader.lab.proxy.pg_ledger import Awaited, Kind, Ledger
from acidtest.grader.lab.proxy.pg_statement import Execution, Portal, Prepared, Statement

LIMIT = 64 * 1024
"""Bytes of one message that are read; the rest of a larger one goes by unread."""
_MAX_NAMES = 1_000
_LEADS_TO_EXECUTE = frozenset(b"PBDC")

_Named = TypeVar("_Named")


class ProtocolError(HarnessError):
    """The client does not speak PostgreSQL's protocol; the server would hang up as well."""


class Frame(NamedTuple):
    """One message, or the read part of a large one, or an unread further part of it."""

    kind: int
    raw: bytes
    """All bytes as they came; they are passed on unchanged."""
    first: bool = True

    @property
    def body(self) -> bytes:
        """What follows the type and the length."""
        return self.raw[5:]


class FrameReader:
    """Cuts a stream into messages with bounded memory."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._passing = 0

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The messages that are whole now, and parts of large ones as they come."""
        kept = self._kept
        kept += data
        position = 0
        while position < len(kept):
            if self._passing:
                part = bytes(kept[position : position + self._passing])
                self._passing -= len(part)
                position += len(part)
                yield Frame(0, part, first=False)
                continue
            if len(kept) - position < 5:  # noqa: PLR2004 - type and length
                break
            length = int.from_bytes(kept[position + 1 : position + 5], "big") + 1
            if length < 5:  # noqa: PLR2004 - the same
                raise ProtocolError(f"a message claims a length of {length - 1}")
            if len(kept) - position < min(length, LIMIT):
                break
            raw = bytes(kept[position : position + min(length, LIMIT)])
            self._passing = length - len(raw)
            position += len(raw)
            yield Frame(raw[0], raw)
        del kept[:position]


class Counts(Protocol):
    """What the proxy counts of a client's messages."""

    round_trips: int


class Frontend:
    """Follows one client after its start-up; passes everything on, statements through the gates."""

    def __init__(
        self,
        link: Link,
        ledger: Ledger,
        gates: Gatehouse[Statement],
        *,
        counts: Counts,
        now: Callable[[], float],
    ) -> None:
        self._link = link
        self._ledger = ledger
        self._gates = gates
        self._counts = counts
        self._now = now
        self._reader = FrameReader()
        self._prepared: dict[bytes, Prepared] = {}
        self._portals: dict[bytes, Portal] = {}
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._outgoing: list[bytes] = []
        self._sent: list[Execution] = []
        self._readers: dict[int, Callable[[bytes], None]] = {
            ord("P"): self._parse,
            ord("B"): self._bind,
            ord("D"): self._describe,
            ord("C"): self._close,
            ord("S"): lambda _: self._trip(Kind.SYNC),
            ord("H"): lambda _: self._trip(None),
            ord("F"): lambda _: self._trip(Kind.FUNCTION),
        }

    def feed(self, data: bytes) -> None:
        """Take bytes of the client.

        Raises:
            ProtocolError: they are no messages.
        """
        for frame in self._reader.feed(data):
            self._take(frame)
        self._flush(None)

    def _take(self, frame: Frame) -> None:
        if not frame.first:
            self._outgoing.append(frame.raw)
            return
        if frame.kind in _LEADS_TO_EXECUTE and len(frame.raw) < LIMIT:
            self._waiting.append(frame.raw)
            self._waiting_bytes += len(frame.raw)
            self._readers[frame.kind](frame.body)
            if self._waiting_bytes > LIMIT:
                self._move_waiting()
            return
        if frame.kind == ord("Q"):
            self._query(frame)
        elif frame.kind == ord("E"):
            self._execute(frame)
        else:
            self._move_waiting()
            self._outgoing.append(frame.raw)
            reader = self._readers.get(frame.kind)
            if reader is not None:
                reader(frame.body)

    def _query(self, frame: Frame) -> None:
        self._move_waiting()
        self._counts.round_trips += 1
        text = frame.body.partition(b"\0")[0].decode(errors="replace")
        self._statement(Kind.QUERY, frame.raw, text, portal=None)

    def _execute(self, frame: Frame) -> None:
        portal = self._portals.get(frame.body.partition(b"\0")[0], Portal(Prepared("")))
        self._statement(Kind.EXECUTE, frame.raw, portal.prepared.text, portal=portal)

    def _statement(self, kind: Kind, raw: bytes, text: str, *, portal: Portal | None) -> None:
        link, ledger = self._link, self._ledger
        simple = kind is Kind.QUERY
        statement = Statement(
            link.number, link.replica, text, self._now(), ledger.in_block, simple, portal
        )
        ledger.note_block(text)
        execution = Execution(statement)
        if self._gates:
            execution.reply_hold = self._gates.hold(statement, link, side="reply")
            execution.request_hold = self._gates.hold(statement, link, side="request")
        ledger.expect(Awaited(kind, execution))
        if execution.request_hold is not None:
            self._flush(None)
        self._move_waiting()
        self._outgoing.append(raw)
        self._sent.append(execution)
        if execution.request_hold is not None:
            self._flush(execution)

    def _parse(self, body: bytes) -> None:
        name, _, rest = body.partition(b"\0")
        text, _, types = rest.partition(b"\0")
        prepared = Prepared(text.decode(errors="replace"), _types(types))
        _remember(self._prepared, name, prepared)
        self._ledger.expect(Awaited(Kind.PARSE, prepared=prepared))

    def _bind(self, body: bytes) -> None:
        portal_name, _, rest = body.partition(b"\0")
        name, _, rest = rest.partition(b"\0")
        prepared = self._prepared.get(name) or Prepared("")
        _remember(self._portals, portal_name, _bound(prepared, rest))
        self._ledger.expect(Awaited(Kind.BIND, prepared=prepared))

    def _describe(self, body: bytes) -> None:
        prepared = None
        if body[:1] == b"S":
            prepared = self._prepared.get(body[1:].partition(b"\0")[0])
        self._ledger.expect(Awaited(Kind.DESCRIBE, prepared=prepared))

    def _close(self, _body: bytes) -> None:
        self._ledger.expect(Awaited(Kind.CLOSE))

    def _trip(self, kind: Kind | None) -> None:
        self._counts.round_trips += 1
        if kind is not None:
            self._ledger.expect(Awaited(kind))

    def _move_waiting(self) -> None:
        if self._waiting:
            self._outgoing += self._waiting
            self._waiting = []
            self._waiting_bytes = 0

    def _flush(self, held: Execution | None) -> None:
        """Pass on what is ready; all of it waits if a gate holds the statement it ends with."""
        if not self._outgoing:
            return
        data = b"".join(self._outgoing)
        sent, self._sent = self._sent, []
        self._outgoing = []
        hold = None if held is None else held.request_hold
        self._link.up.push(data, hold=hold, on_sent=self._stamp(sent) if sent else None)
        if hold is not None:
            hold.arrive()

    def _stamp(self, executions: list[Execution]) -> Callable[[], None]:
        def stamp() -> None:
            now = self._now()
            for execution in executions:
                execution.statement.at = now

        return stamp


def _remember(names: dict[bytes, _Named], name: bytes, value: _Named) -> None:
    if len(names) >= _MAX_NAMES and name not in names:
        del names[next(iter(names))]
    names[name] = value


def _types(data: bytes) -> tuple[int, ...]:
    count = min(int.from_bytes(data[:2], "big"), (len(data) - 2) // 4)
    return struct.unpack_from(f"!{count}I", data, 2) if count > 0 else ()


def _bound(prepared: Prepared, data: bytes) -> Portal:
    formats: tuple[int, ...] = ()
    values: list[bytes | None] = []
    try:
        (count,) = struct.unpack_from("!H", data)
        formats = struct.unpack_from(f"!{count}H", data, 2)
        position = 2 + 2 * count
        (values_count,) = struct.unpack_from("!H", data, position)
        position += 2
        for _ in range(values_count):
            (length,) = struct.unpack_from("!i", data, position)
            position += 4
            values.append(None if length < 0 else data[position : position + length])
            position += max(length, 0)
    except struct.error:  # only the beginning of a large message is here, or the client is broken
        return Portal(prepared, formats, tuple(values))
    return Portal(prepared, formats, tuple(values))
