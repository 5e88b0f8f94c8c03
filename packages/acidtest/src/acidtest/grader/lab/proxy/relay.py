"""The relay: listeners, live connections and their counts; the core of every proxy.

A relay listens on sockets that were bound by somebody else, perhaps in another network namespace,
and joins each accepted connection with one of its own to the upstream server.
"""

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acidtest.core.clock import RunClock
from acidtest.grader.lab.journal import Journal
from acidtest.grader.lab.proxy.faults import FaultSwitchboard
from acidtest.grader.lab.proxy.link import Conversation, Link, arm_reset

Upstream = Path | str | tuple[str, int]
"""Where the real server is: a Unix socket's path, or host and port."""

BACKLOG = 1024
MAX_LINKS = 2_000
"""Live connections of one proxy; more are reset, so that a leak in a service stays its own."""
_ACCEPT_AT_ONCE = 64
_ACCEPT_RETRY = 0.1
"""Seconds to leave a listener alone after accept failed, as when file descriptors ran out."""


@dataclass(slots=True, eq=False)
class Listener:
    """A listening socket and who connects through it."""

    sock: socket.socket
    replica: str
    open_door: bool
    retry: asyncio.TimerHandle | None = None


class Relay(FaultSwitchboard):
    """Joins connections to `upstream`, counts them, and injects faults into them.

    Attributes:
        opened: connections accepted so far.
        turned_away: connections reset because `MAX_LINKS` were live.
        failures: exceptions of ours met while relaying; a run with any of them is void.
    """

    half_close = True
    """Whether the end of one direction leaves the other one open, as plain TCP allows."""

    def __init__(self, upstream: Upstream, *, journal: Journal, clock: RunClock) -> None:
        super().__init__(journal)
        self.upstream = upstream
        self.clock = clock
        self.opened = 0
        self.turned_away = 0
        self.failures: list[BaseException] = []
        self._listeners: list[Listener] = []
        self._links: set[Link] = set()
        self._opening: set[asyncio.Task[None]] = set()

    @property
    def open_now(self) -> int:
        """Connections that are live now."""
        return len(self._links)

    @property
    def links(self) -> tuple[Link, ...]:
        """The live connections."""
        return tuple(self._links)

    async def serve(self, sock: socket.socket, *, replica: str, open_door: bool = False) -> None:
        """Accept connections of `replica` on a bound and listening socket, which becomes ours.

        While connections are refused the very same socket stops listening, so that clients see a
        closed port; it is never closed before `close`, since it may live in another namespace.
        """
        sock.setblocking(False)
        listener = Listener(sock, replica, open_door)
        self._listeners.append(listener)
        if self.refusing:
            self._shut(listener)
        else:
            self._watch(listener)

    async def close(self) -> None:
        """Stop listening and end every connection; returns when nothing is left."""
        for listener in self._listeners:
            self._unwatch(listener)
            listener.sock.close()
        self._listeners.clear()
        for task in tuple(self._opening):
            task.cancel()
        if self._opening:
            await asyncio.wait(self._opening, timeout=5.0)
        self.reset_live("the lab was closed")
        for _ in range(3):  # transports report their loss in the loop's next turns
            await asyncio.sleep(0)

    def reset_live(self, reason: str) -> int:
        """Reset every live connection; says how many there were."""
        links = tuple(self._links)
        for link in links:
            link.cut(reason)
        return len(links)

    def converse(self, link: Link, *, open_door: bool) -> Conversation:
        """What understands the bytes of a new connection; a kind of proxy overrides this."""
        del open_door
        return _PlainConversation(link)

    def guarded(self, action: Callable[[bytes], Any], link: Link) -> Callable[[bytes], None]:
        """`action`, but a fault of ours in it is kept for the engine and ends only this link."""

        def run(data: bytes) -> None:
            try:
                action(data)
            except Exception as error:  # noqa: BLE001 - a proxy's bug must not take the loop down
                self._keep(error)
                link.cut("the proxy failed")

        return run

    def _keep(self, error: BaseException) -> None:
        if len(self.failures) < BACKLOG:
            self.failures.append(error)

    def _watch(self, listener: Listener) -> None:
        asyncio.get_running_loop().add_reader(listener.sock, self._accept, listener)

    def _unwatch(self, listener: Listener) -> None:
        asyncio.get_running_loop().remove_reader(listener.sock)
        if listener.retry is not None:
            listener.retry.cancel()
            listener.retry = None

    def _accept(self, listener: Listener) -> None:
        for _ in range(_ACCEPT_AT_ONCE):
            try:
                sock, _address = listener.sock.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:
                self._unwatch(listener)
                loop = asyncio.get_running_loop()
                listener.retry = loop.call_later(_ACCEPT_RETRY, self._watch, listener)
                return
            self._admit(sock, listener)

    def _admit(self, sock: socket.socket, listener: Listener) -> None:
        if len(self._links) >= MAX_LINKS:
            self.turned_away += 1
            arm_reset(sock)
            sock.close()
            return
        self.opened += 1
        sock.setblocking(False)
        link = Link(
            sock,
            number=self.opened,
            replica=listener.replica,
            faults=self,
            on_end=self._links.discard,
            half_close=self.half_close,
        )
        self._links.add(link)
        link.converse(self.converse(link, open_door=listener.open_door))
        for side in (link.client, link.server):
            if side.feed is not None:
                side.feed = self.guarded(side.feed, link)
        task = asyncio.get_running_loop().create_task(self._join(link, sock))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _join(self, link: Link, sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(lambda: link.client, sock)
        except (OSError, asyncio.CancelledError) as error:
            sock.close()
            self._links.discard(link)
            if isinstance(error, asyncio.CancelledError):
                raise
            return
        try:
            await self._dial(link)
        except OSError:
            link.upstream_failed()
            return
        if link.client.lost or link.over:
            link.server.abort()

    async def _dial(self, link: Link) -> None:
        loop = asyncio.get_running_loop()
        if isinstance(self.upstream, tuple):
            host, port = self.upstream
            await loop.create_connection(lambda: link.server, host, port)
        else:
            await loop.create_unix_connection(lambda: link.server, str(self.upstream))

    def _pump_live(self) -> None:
        for link in tuple(self._links):
            link.pump()

    def _shut_listeners(self) -> None:
        for listener in self._listeners:
            self._unwatch(listener)
            self._shut(listener)

    def _open_listeners(self) -> None:
        for listener in self._listeners:
            listener.sock.listen(BACKLOG)
            self._watch(listener)

    @staticmethod
    def _shut(listener: Listener) -> None:
        address = listener.sock.getsockname()
        # On Linux this ends the listening but keeps the socket, and with it the namespace; a port
        # that was chosen by the kernel has to be bound again at once to stay ours.
        listener.sock.shutdown(socket.SHUT_RD)
        try:
            listener.sock.bind(address)
        except OSError:
            return


class _PlainConversation:
    """Passes bytes on without reading them."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def from_client(self, data: bytes) -> None:
        """Pass on."""
        self._link.up.push(data)

    def from_server(self, data: bytes) -> None:
        """Pass on."""
        self._link.down.push(data)

    def ended(self, reason: str) -> None:
        """Nothing was under way that we knew of."""
