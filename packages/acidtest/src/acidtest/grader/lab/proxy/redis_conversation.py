"""One Redis connection: commands and replies in step, pipelines and MULTI included."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from acidtest.grader.lab.proxy.gate import Gatehouse, Hold
from acidtest.grader.lab.proxy.link import Link
from acidtest.grader.lab.proxy.redis_call import RedisCall
from acidtest.grader.lab.proxy.resp_reply import Reply, ReplyReader
from acidtest.grader.lab.proxy.resp_request import Request, RequestReader, RespError

_PING = b"*1\r\n$4\r\nPING\r\n"
_OK = b"+OK\r\n"
_UNREAD_FROM = frozenset({"MONITOR", "PSUBSCRIBE", "PSYNC", "SSUBSCRIBE", "SUBSCRIBE", "SYNC"})
_NOT_QUEUED = frozenset({"DISCARD", "EXEC", "MULTI", "QUIT", "RESET", "UNWATCH", "WATCH"})
_NOT_RUN = "not run"


@dataclass(slots=True, eq=False)
class Exchange:
    """A command whose reply is awaited, and the gates that hold it or its reply."""

    call: RedisCall
    replacement: bytes | None = None
    """Goes to the client in place of the server's reply."""
    ends_reading: bool = False
    """From its reply on, the server speaks without being asked."""
    queued: list["Exchange"] = field(default_factory=list)
    """What an EXEC runs or a DISCARD forgets."""
    refused: bool = False
    request_hold: Hold[RedisCall] | None = None
    reply_hold: Hold[RedisCall] | None = None

    def settle(self, *, done: bool) -> None:
        """Tell its gates that the server is done with it, or that nobody will know."""
        for hold in (self.request_hold, self.reply_hold):
            if hold is not None:
                hold.settle(done=done)
        if done and self.reply_hold is not None:
            self.reply_hold.arrive()


class CommandBook(Protocol):
    """Where answered commands are written; the proxy itself."""

    def write_command(self, call: RedisCall, reply: Reply | None, *, said: str = "") -> None:
        """Record a command that is over: with its reply, or with what became of it instead."""


class RedisConversation:
    """Follows one connection; `open_door` accepts any AUTH."""

    def __init__(
        self,
        link: Link,
        gates: Gatehouse[RedisCall],
        book: CommandBook,
        *,
        now: Callable[[], float],
        open_door: bool,
    ) -> None:
        self._link = link
        self._gates = gates
        self._book = book
        self._now = now
        self._open_door = open_door
        self._requests = RequestReader()
        self._replies = ReplyReader()
        self._awaited: deque[Exchange] = deque()
        self._multi: list[Exchange] | None = None
        self._client_unread = False
        self._server_unread = False
        self._outgoing: list[bytes] = []
        self._sent: list[RedisCall] = []
        self._hold: Hold[RedisCall] | None = None

    def from_client(self, data: bytes) -> None:
        """Take bytes of the client; a client that speaks something else is cut off."""
        if self._client_unread:
            self._link.up.push(data)
            return
        try:
            for request in self._requests.feed(data):
                self._take(request)
        except RespError as error:
            self._link.cut(str(error))
        else:
            self._flush(None)

    def from_server(self, data: bytes) -> None:
        """Take bytes of the server."""
        if self._server_unread:
            self._link.down.push(data)
            return
        try:
            self._read_replies(data)
        except RespError as error:
            self._link.cut(str(error))

    def ended(self, reason: str) -> None:
        """Record what was under way."""
        for exchange in self._awaited:
            self._write_queued(exchange, reason)
            self._book.write_command(exchange.call, None, said=reason)
            exchange.settle(done=False)
        self._awaited.clear()

    def under_way(self) -> tuple[RedisCall, ...]:
        """The commands whose replies have not come."""
        return tuple(exchange.call for exchange in self._awaited)

    def _take(self, request: Request) -> None:
        if self._client_unread or not request.first or not request.words:
            self._outgoing.append(request.raw)
            return
        link = self._link
        call = RedisCall.read(
            request.words,
            count=request.total,
            connection=link.number,
            replica=link.replica,
            at=self._now(),
        )
        exchange = Exchange(call)
        raw = self._let_in(exchange, request)
        self._follow_multi(exchange)
        exchange.ends_reading = self._client_unread = _ends_reading(call)
        if self._gates:
            exchange.reply_hold = self._gates.hold(call, link, side="reply")
            exchange.request_hold = self._gates.hold(call, link, side="request")
        self._awaited.append(exchange)
        if exchange.request_hold is not None:
            self._flush(None)
        self._outgoing.append(raw)
        self._sent.append(call)
        if exchange.request_hold is not None:
            self._flush(exchange.request_hold)

    def _let_in(self, exchange: Exchange, request: Request) -> bytes:
        """At an open door, take any password for right: the server behind it has none."""
        if not self._open_door:
            return request.raw
        if exchange.call.command == "AUTH":
            exchange.replacement = _OK
            return _PING
        words = request.words
        names = [word.upper() for word in words]
        if exchange.call.command == "HELLO" and b"AUTH" in names:
            place = names.index(b"AUTH")
            return _encoded((*words[:place], *words[place + 3 :]))
        return request.raw

    def _follow_multi(self, exchange: Exchange) -> None:
        call = exchange.call
        if self._multi is not None and call.command in {"EXEC", "DISCARD"}:
            exchange.queued, self._multi = self._multi, None
        elif call.command == "RESET":
            self._multi = None
        elif self._multi is not None and call.command not in _NOT_QUEUED:
            call.in_multi = True
            self._multi.append(exchange)
        elif call.command == "MULTI" and self._multi is None:
            self._multi = []

    def _flush(self, hold: Hold[RedisCall] | None) -> None:
        if not self._outgoing:
            return
        data = b"".join(self._outgoing)
        calls, self._sent, self._outgoing = self._sent, [], []

        def stamp() -> None:
            now = self._now()
            for call in calls:
                call.at = now

        self._link.up.push(data, hold=hold, on_sent=stamp)
        if hold is not None:
            hold.arrive()

    def _read_replies(self, data: bytes) -> None:
        mark = 0
        if self._replies.between:
            self._meet_gate(data, (0, 0))
        for seen in self._replies.feed(data):
            if seen.reply is None:
                break
            replacement = self._answered(seen.reply)
            if replacement is not None:
                self._link.down.push(replacement, hold=self._hold)
                mark = seen.end
            mark = self._meet_gate(data, (mark, seen.end))
            if self._server_unread:
                self._link.down.push(data[mark:], hold=self._hold)
                return
        if not self._replacing or self._replies.between:
            self._link.down.push(data[mark:], hold=self._hold)
        self._leave_gate()

    @property
    def _replacing(self) -> bool:
        return bool(self._awaited) and self._awaited[0].replacement is not None

    def _meet_gate(self, data: bytes, span: tuple[int, int]) -> int:
        """Pass on what belongs to earlier replies where one begins that is held or replaced."""
        mark, end = span
        hold = self._awaited[0].reply_hold if self._awaited else None
        if self._replacing or (hold is not None and hold is not self._hold):
            self._link.down.push(data[mark:end], hold=self._hold)
            mark = end
        if hold is not None:
            self._hold = hold
        return mark

    def _leave_gate(self) -> None:
        if self._hold is None:
            return
        if not self._hold.arrived and self._link.down.full:
            self._hold.arrive()  # the rest of so large a reply will not come before it is let go
        if not self._awaited or self._awaited[0].reply_hold is not self._hold:
            self._hold = None

    def _answered(self, reply: Reply) -> bytes | None:
        """Close the exchange a reply answers; bytes to send instead of it, if any."""
        # In the third version of the protocol a subscription is confirmed by a push.
        if not self._awaited or (reply.is_push and not self._awaited[0].ends_reading):
            return None
        exchange = self._awaited.popleft()
        self._server_unread = exchange.ends_reading
        if not exchange.call.in_multi:
            self._write_multi(exchange, reply)
            self._book.write_command(exchange.call, reply)
        elif reply.is_error:
            exchange.refused = True
            self._book.write_command(exchange.call, reply)
        exchange.settle(done=True)
        return exchange.replacement

    def _write_multi(self, exchange: Exchange, reply: Reply) -> None:
        """Record what an EXEC ran, each command with its own part of the reply."""
        if exchange.call.command != "EXEC" or reply.is_nil or reply.is_error:
            self._write_queued(exchange, _NOT_RUN)
            return
        accepted = [queued for queued in exchange.queued if not queued.refused]
        for queued, element in zip(accepted, reply.elements, strict=False):
            self._book.write_command(queued.call, element)

    def _write_queued(self, exchange: Exchange, said: str) -> None:
        for queued in exchange.queued:
            if not queued.refused:
                self._book.write_command(queued.call, None, said=said)


def _ends_reading(call: RedisCall) -> bool:
    if call.command in _UNREAD_FROM:
        return True
    first = call.arguments[0].upper() if call.arguments else ""
    return call.command == "CLIENT" and first == "REPLY"


def _encoded(words: tuple[bytes, ...]) -> bytes:
    parts = [f"*{len(words)}\r\n".encode()]
    parts += [b"$%d\r\n%b\r\n" % (len(word), word) for word in words]
    return b"".join(parts)
