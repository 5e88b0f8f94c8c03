"""Sockets that reach the service, handed to the generator through a channel, with some in stock.

The service lives in a network of its own (see `lab.sandbox`), and only the judge's sandbox can make
sockets there. A thread of the judge makes them on request; the generator keeps a stock, so that a
new connection never waits for the judge's event loop. An instance that is started again has a new
network: then what is in stock is stale and replaced.
"""

import socket
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple, Protocol

from acidtest.core.errors import HarnessError
from acidtest.grader.client import Endpoint

_STOCK = 48
"""Unconnected sockets in reserve for each target; a burst beyond waits for the judge's thread."""
_MAX_WORD = 32
_LOOK_SECONDS = 0.05
_END_SECONDS = 12.0
"""A little more than a sandbox takes to give up making a socket."""
_GONE, _STALE = b"gone", b"stale"

Where = Callable[[], Sequence[Endpoint]]
"""Where the instances of the service listen now, always in the same order."""


class Target(NamedTuple):
    """Where one instance of the service listens."""

    host: str
    port: int

    @property
    def name(self) -> str:
        """What the Host header says."""
        return f"{self.host}:{self.port}"


class Handed(NamedTuple):
    """A socket and the port it is meant for."""

    sock: socket.socket
    port: int


class GoneError(Exception):
    """The instance does not run, so that nothing can be connected to it."""


class Stock(Protocol):
    """Gives unconnected, non-blocking sockets."""

    def take(self, target: int) -> Handed | None:
        """A socket for the target of that number, or None while there is none.

        Raises:
            GoneError: that instance does not run.
        """

    def fileno(self) -> int:
        """What becomes readable when there are more; -1 where there are always enough."""

    def refill(self) -> None:
        """Take in what came."""


class OwnSockets:
    """Sockets of this process's own network."""

    def __init__(self, targets: Sequence[Target]) -> None:
        self._targets = targets

    def take(self, target: int) -> Handed | None:
        """A new socket; None when the process may not have more."""
        with suppress(OSError):
            made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            made.setblocking(False)
            return Handed(made, self._targets[target].port)
        return None

    def fileno(self) -> int:
        """There is nothing to wait for."""
        return -1

    def refill(self) -> None:
        """Do nothing: there are always enough."""


class HandedSockets:
    """Sockets that the other end of `channel`, a `Supplier`, makes."""

    def __init__(self, channel: socket.socket, targets: int) -> None:
        self._channel = channel
        self._stock: list[deque[Handed]] = [deque() for _ in range(targets)]
        self._asked = [0] * targets
        self._gone = [False] * targets
        for target in range(targets):
            self._ask(target)
        while any(self._asked):
            self._receive()
        channel.setblocking(False)

    def take(self, target: int) -> Handed | None:
        """A socket from the stock, which asks for another one.

        Raises:
            GoneError: that instance does not run.
        """
        if not self._stock[target]:
            self.refill()
        handed = self._stock[target].popleft() if self._stock[target] else None
        self._ask(target)
        if handed is None and self._gone[target]:
            raise GoneError
        return handed

    def fileno(self) -> int:
        """The channel."""
        return self._channel.fileno()

    def refill(self) -> None:
        """Take in the sockets that came."""
        with suppress(BlockingIOError):
            while True:
                self._receive()

    def _ask(self, target: int) -> None:
        """Ask for what the stock lacks; while an instance is gone, only for a sign of life."""
        lacking = 1 if self._gone[target] else _STOCK - len(self._stock[target])
        while self._asked[target] < lacking:
            self._channel.send(str(target).encode())
            self._asked[target] += 1

    def _receive(self) -> None:
        word, descriptors, _, _ = socket.recv_fds(self._channel, _MAX_WORD, 1)
        if not word:
            raise ConnectionError("the judge makes no more sockets")
        number, _, said = word.partition(b" ")
        target = int(number)
        if said == _STALE:
            while self._stock[target]:
                self._stock[target].popleft().sock.close()
            self._gone[target] = False
            self._ask(target)
            return
        self._asked[target] -= 1
        self._gone[target] = said == _GONE
        if descriptors:
            made = socket.socket(fileno=descriptors[0])
            made.setblocking(False)
            self._stock[target].append(Handed(made, int(said)))


class Supplier:
    """Makes the sockets that a generator asks for, in a thread of its own."""

    def __init__(self, where: Where) -> None:
        self._where = where
        self._known = [endpoint.socket_factory for endpoint in where()]
        self._ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        """`theirs` is the generator's end."""
        self._ours.settimeout(_LOOK_SECONDS)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        with suppress(OSError):
            self._ours.shutdown(socket.SHUT_RDWR)
        self._thread.join(_END_SECONDS)
        self._ours.close()
        self.theirs.close()

    def _serve(self) -> None:
        try:
            while (word := self._asked_for()) != b"":
                if word is not None:
                    self._hand(int(word))
                self._tell_of_changes()
        except OSError:
            # The generator ended, or is stuck and must not take that for the service's silence.
            with suppress(OSError):
                self._ours.shutdown(socket.SHUT_RDWR)

    def _asked_for(self) -> bytes | None:
        """The next question; None where there is none for a while, nothing at the end."""
        try:
            return self._ours.recv(_MAX_WORD)
        except TimeoutError:
            return None

    def _hand(self, target: int) -> None:
        """Send a socket, or that there is none to be had."""
        try:
            endpoint = self._where()[target]
            made = (endpoint.socket_factory or socket.socket)()
        except (OSError, HarnessError):
            # Its sandbox is closed, or the next one is not there yet.
            self._ours.send(b"%d %b" % (target, _GONE))
            return
        with made:
            socket.send_fds(self._ours, [b"%d %d" % (target, endpoint.port)], [made.fileno()])

    def _tell_of_changes(self) -> None:
        """Let the generator know of an instance that was started again."""
        with suppress(HarnessError):
            for target, endpoint in enumerate(self._where()):
                if endpoint.socket_factory != self._known[target]:
                    self._known[target] = endpoint.socket_factory
                    self._ours.send(b"%d %b" % (target, _STALE))
