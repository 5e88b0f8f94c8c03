"""One connection of the service and its counterpart to the server, joined by two pipes."""

import asyncio
import socket
import struct
from asyncio.trsock import TransportSocket
from collections.abc import Callable
from typing import Protocol, cast

from acidtest.grader.lab.proxy.faults import FaultSwitchboard
from acidtest.grader.lab.proxy.pipe import Pipe

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


def arm_reset(sock: socket.socket | TransportSocket) -> None:
    """Make the next close of `sock` a reset, which the peer cannot take for an orderly end."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)


class Conversation(Protocol):
    """What a kind of proxy understands of the bytes of one connection; it passes them on itself."""

    def from_client(self, data: bytes) -> None:
        """Read bytes of the service and push what goes on into `link.up`."""

    def from_server(self, data: bytes) -> None:
        """Read bytes of the server and push what goes on into `link.down`."""

    def ended(self, reason: str) -> None:
        """The connection is gone; whatever was under way ends with `reason`."""


class Link:
    """Two sockets and the pipes between them; ends when both sockets are gone.

    Attributes:
        number: counts connections of one proxy from 1.
        over: it was cut or both its sockets are gone.
        up: the pipe from the service to the server.
        down: the pipe from the server to the service.
    """

    def __init__(
        self,
        client_socket: socket.socket,
        *,
        number: int,
        replica: str,
        faults: FaultSwitchboard,
        on_end: Callable[["Link"], None],
        half_close: bool,
    ) -> None:
        self.number = number
        self.replica = replica
        self.up = Pipe(faults.request_faults, finish=self._finish_up)
        self.down = Pipe(faults.reply_faults, finish=self._finish_down)
        self.client = _Side(self, source_of=self.up, sink_of=self.down)
        self.server = _Side(self, source_of=self.down, sink_of=self.up)
        self._client_socket = client_socket
        self._faults = faults
        self._on_end = on_end
        self._half_close = half_close
        self._conversation: Conversation | None = None
        self.over = False

    def converse(self, conversation: Conversation) -> None:
        """Say who understands the bytes; before the first socket is attached."""
        self._conversation = conversation
        self.client.feed = self._from_client
        self.server.feed = conversation.from_server

    @property
    def conversation(self) -> Conversation | None:
        """Who understands the bytes; None once the connection is gone."""
        return self._conversation

    def pump(self) -> None:
        """Move whatever may move now in both directions."""
        self.up.pump()
        self.down.pump()

    def mute(self) -> None:
        """Drop every byte for the client from now on."""
        self.down.discard()

    def cut(self, reason: str) -> None:
        """Reset the connection towards the client and close it towards the server, at once."""
        if self.over:
            return
        self.over = True
        self.up.close()
        self.down.close()
        if self.client.transport is not None and not self.client.lost:
            arm_reset(self._client_socket)
        self.client.abort()
        self.server.abort()
        self._end_conversation(reason)

    def upstream_failed(self) -> None:
        """Tell the client that there is no server, when nothing holds that news back."""
        self.down.end(reset=True)

    def side_lost(self) -> None:
        """Finish what is left once a socket is gone; called by the sides."""
        if self.server.lost and self.down.ended:
            self._drop_client()
        if self.client.lost and (self.server.transport is None or self.server.lost):
            self.over = True
            self.up.close()
            self.down.close()
            self._end_conversation("the connection was closed")
            self._on_end(self)

    def _from_client(self, data: bytes) -> None:
        if self._faults.resetting_commands:
            self.cut("reset by the judge at its command")
        elif self._conversation is not None:
            self._conversation.from_client(data)

    def _finish_up(self, reset: bool) -> None:  # noqa: FBT001 - Pipe's callback has this one argument
        if reset or self.down.ended:
            self.server.abort()
        else:
            self.server.write_eof()

    def _finish_down(self, reset: bool) -> None:  # noqa: FBT001 - Pipe's callback has this one argument
        if reset:
            self.cut("the server closed the connection")
        elif self._half_close and not self.up.ended:
            self.client.write_eof()
        else:
            self.client.close()
            self.server.close()

    def _drop_client(self) -> None:
        if not self.client.lost and self.client.transport is not None:
            self.client.close()

    def _end_conversation(self, reason: str) -> None:
        conversation, self._conversation = self._conversation, None
        if conversation is not None:
            conversation.ended(reason)


class _Side(asyncio.Protocol):
    """One socket of a link, as asyncio talks to it."""

    def __init__(self, link: Link, *, source_of: Pipe, sink_of: Pipe) -> None:
        self.transport: asyncio.Transport | None = None
        self.lost = False
        self.feed: Callable[[bytes], None] | None = None
        self._link = link
        self._source_of = source_of
        self._sink_of = sink_of

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Attach the socket to both pipes; what came before it was there goes out now."""
        # Other event loops have transports of their own that are no subclasses of asyncio's.
        stream = self.transport = cast("asyncio.Transport", transport)
        if self._link.over:
            stream.abort()
            return
        self._source_of.attach_source(stream)
        self._sink_of.attach_sink(stream)

    def data_received(self, data: bytes) -> None:
        """Hand bytes to the conversation."""
        if self.feed is not None:
            self.feed(data)

    def eof_received(self) -> bool:
        """Pass the end on behind all bytes; the link closes both sockets once both ended."""
        self._source_of.end()
        return True

    def pause_writing(self) -> None:
        """Stop the other side's reading while this socket is full."""
        self._sink_of.choke(full=True)

    def resume_writing(self) -> None:
        """Go on reading the other side."""
        self._sink_of.choke(full=False)

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass the loss on, and let go of what was meant for this socket."""
        self.lost = True
        self._sink_of.discard()
        self._source_of.end(reset=exc is not None)
        self._link.side_lost()

    def write_eof(self) -> None:
        """End this direction."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write_eof()

    def close(self) -> None:
        """Close after what is written has gone out."""
        if self.transport is not None:
            self.transport.close()

    def abort(self) -> None:
        """Close now."""
        if self.transport is not None:
            self.transport.abort()
