"""The PostgreSQL proxy: every statement seen, timed, counted, and held or cut where asked."""

import struct
from collections.abc import Callable

from acidtest.core.clock import RunClock
from acidtest.core.evidence import SqlStatement, clip
from acidtest.grader.lab.journal import Journal
from acidtest.grader.lab.proxy.gate import Gate, Gatehouse, Side
from acidtest.grader.lab.proxy.link import Conversation, Link
from acidtest.grader.lab.proxy.pg_backend import Backend
from acidtest.grader.lab.proxy.pg_frontend import LIMIT, Frontend, ProtocolError
from acidtest.grader.lab.proxy.pg_ledger import Awaited, Kind, Ledger
from acidtest.grader.lab.proxy.pg_login import AUTH_OK, Door, ScramLogin
from acidtest.grader.lab.proxy.pg_statement import Execution, Statement
from acidtest.grader.lab.proxy.relay import Relay, Upstream

_CANCEL_REQUEST = 80_877_102
_ENCRYPTION_REQUESTS = frozenset({80_877_103, 80_877_104})
_PROTOCOL_3 = 3
_MAX_STARTUP = 10_000
_NO = b"N"
_NOBODY = "nobody"
"""A role that is in no cluster; the server itself then says no."""


class PostgresProxy(Relay):
    """Relays PostgreSQL connections; encryption is declined, authentication passed through.

    Attributes:
        door: as whom clients of listeners with an open door are logged in, whatever user, password
            and database they name; on other listeners the only user there is.
        round_trips: how often clients waited for the server (Query, Sync, Flush) so far.
        startup_count: sessions begun; cancel requests and encryption requests are none.
        by_open_door: how many of those came through an open door.
        transactions: transactions ended, explicit or implied.
        cancel_requests: requests to cancel a statement, which are forwarded.
    """

    target = "postgres"
    half_close = False

    def __init__(
        self,
        upstream: Upstream,
        *,
        journal: Journal,
        clock: RunClock,
        door: Door,
    ) -> None:
        super().__init__(upstream, journal=journal, clock=clock)
        self.door = door
        self.round_trips = 0
        self.startup_count = 0
        self.by_open_door = 0
        self.transactions = 0
        self.cancel_requests = 0
        self.gates: Gatehouse[Statement] = Gatehouse(journal, self.target)

    def gate(
        self,
        predicate: Callable[[Statement], bool],
        *,
        side: Side = "request",
        count: int | None = 1,
        skip: int = 0,
    ) -> Gate[Statement]:
        """Hold statements that match before the server sees them, or their answers.

        Args:
            predicate: gets every statement before it is forwarded.
            side: `request` holds the statement, `reply` holds its answer once the server gave it.
            count: how many are held; later ones pass. None holds all until released.
            skip: how many that match pass before the first is held.
        """
        return self.gates.build(predicate, side=side, count=count, skip=skip)

    @property
    def in_flight(self) -> tuple[Statement, ...]:
        """Statements that were sent or are held, and are not answered."""
        return tuple(
            execution.statement
            for link in self.links
            if isinstance(link.conversation, _PostgresConversation)
            for execution in link.conversation.ledger.under_way()
        )

    def converse(self, link: Link, *, open_door: bool) -> Conversation:
        """Follow PostgreSQL's protocol on a new connection."""
        return _PostgresConversation(self, link, open_door=open_door)

    def write_statement(self, execution: Execution) -> None:
        """Record a statement that is over."""
        statement = execution.statement
        over = execution.finished_at
        self.journal.append(
            SqlStatement(
                at=statement.at,
                connection=statement.connection,
                text=clip(statement.text),
                parameters=statement.parameters,
                seconds=None if over is None else max(0.0, over - statement.at),
                rows=None if execution.error else execution.rows,
                error=execution.error,
                replica=statement.replica,
            )
        )

    def write_ready(self, *, idle: bool, statements: int) -> None:
        """Count transactions as the server ends them."""
        if idle and statements:
            self.transactions += 1


class _PostgresConversation:
    """One connection from its first byte: start-up, then client and server in step."""

    def __init__(self, proxy: PostgresProxy, link: Link, *, open_door: bool) -> None:
        self.ledger = Ledger(proxy, proxy.clock.now, connection=link.number, replica=link.replica)
        self._proxy = proxy
        self._link = link
        self._open_door = open_door
        self._backend = Backend(link, self.ledger)
        self._frontend = Frontend(link, self.ledger, proxy.gates, counts=proxy, now=proxy.clock.now)
        self._early = bytearray()
        self._started = False
        self._unread = False

    def from_client(self, data: bytes) -> None:
        """Take bytes of the client; a client that speaks something else is cut off."""
        if self._unread:
            self._link.up.push(data)
            return
        if self._started and self._backend.login is None:
            self._guard(self._frontend.feed, data)
            return
        self._early += data
        if len(self._early) > LIMIT:
            self._link.cut("too much was sent before the session began")
            return
        while not self._started and self._start_up():
            continue

    def from_server(self, data: bytes) -> None:
        """Take bytes of the server."""
        if self._unread:
            self._link.down.push(data)
        else:
            self._guard(self._backend.feed, data)

    def ended(self, reason: str) -> None:
        """Record what was under way."""
        self.ledger.close(reason)

    def _guard(self, feed: Callable[[bytes], None], data: bytes) -> None:
        try:
            feed(data)
        except ProtocolError as error:
            self._link.cut(str(error))

    def _start_up(self) -> bool:
        """Take one start-up packet, if a whole one is there; says whether another may follow."""
        if len(self._early) < 8:  # noqa: PLR2004 - length and code
            return False
        length, code = struct.unpack_from("!II", self._early)
        if not 8 <= length <= _MAX_STARTUP:  # noqa: PLR2004 - the same
            self._link.cut("this is not PostgreSQL's protocol")
            return False
        if len(self._early) < length:
            return False
        packet = bytes(self._early[:length])
        del self._early[:length]
        if code in _ENCRYPTION_REQUESTS:
            self._link.down.push(_NO)
            return True
        if code == _CANCEL_REQUEST or code >> 16 != _PROTOCOL_3:
            self._proxy.cancel_requests += code == _CANCEL_REQUEST
            self._unread = True
            self._link.up.push(packet + bytes(self._early))
            return False
        self._begin(packet)
        return False

    def _begin(self, packet: bytes) -> None:
        self._started = True
        self._proxy.startup_count += 1
        self.ledger.expect(Awaited(Kind.STARTUP))
        if self._open_door:
            self._log_in(packet)
            return
        self._link.up.push(_as_itself(packet, self._proxy.door))
        self._go_on()

    def _log_in(self, packet: bytes) -> None:
        door = self._proxy.door
        self._proxy.by_open_door += 1
        login = ScramLogin(door.password)

        def answer(body: bytes) -> bool:
            code = int.from_bytes(body[:4], "big")
            if code == AUTH_OK:
                self._backend.login = None
                self._go_on()
                return True
            reply = login.answer(code, body[4:])
            if reply is not None:
                self._link.up.push(reply)
            return False

        self._backend.login = answer
        self._link.up.push(_as_visitor(packet, door))

    def _go_on(self) -> None:
        early, self._early = bytes(self._early), bytearray()
        if early:
            self._guard(self._frontend.feed, early)


def _as_visitor(packet: bytes, door: Door) -> bytes:
    """The client's own start-up packet, but for the door's user and database."""
    pairs = {b"user": door.user.encode(), b"database": door.database.encode()}
    return _start_up_packet(packet[4:8], {**_pairs(packet), **pairs})


def _as_itself(packet: bytes, door: Door) -> bytes:
    """The same, but whoever names another user than its own is nobody."""
    # Behind the proxy the judge's own roles need no password, and a session in the database that
    # others are copied from would hinder that. Written anew, so that server and proxy cannot read
    # one packet in two ways.
    if _pairs(packet).get(b"user") == door.user.encode():
        return _as_visitor(packet, door)
    return _as_visitor(packet, door._replace(user=_NOBODY))


def _pairs(packet: bytes) -> dict[bytes, bytes]:
    words = packet[8:].split(b"\0")
    pairs = dict(zip(words[0::2], words[1::2], strict=False))
    pairs.pop(b"", None)
    return pairs


def _start_up_packet(version: bytes, pairs: dict[bytes, bytes]) -> bytes:
    body = b"".join(name + b"\0" + value + b"\0" for name, value in pairs.items()) + b"\0"
    return struct.pack("!I", len(body) + 8) + version + body
