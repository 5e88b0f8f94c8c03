"""Sockets that reach the service, handed to the generator through a channel, with some in stock.

The service lives in a network of its own (see `lab.sandbox`), and only the judge's sandbox can make
sockets there. A thread of the judge makes them on request; the generator keeps a stock, so that a
new connection never waits for the judge's event loop.
"""

import socket
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple, Protocol

from acidtest.core.errors import InfrastructureError

_STOCK = 48
"""Unconnected sockets in reserve for each target; a burst beyond waits for the judge's thread."""
_MAX_WORD = 16
_END_SECONDS = 12.0
"""A little more than a sandbox takes to give up making a socket."""

Make = Callable[[], socket.socket]


class Target(NamedTuple):
    """Where one instance of the service listens."""

    address: tuple[str, int] | str
    """Host and port, or the path of a unix socket."""

    @property
    def host(self) -> str:
        """What the Host header says."""
        return "localhost" if isinstance(self.address, str) else "{}:{}".format(*self.address)

    @property
    def family(self) -> socket.AddressFamily:
        """The kind of its sockets."""
        return socket.AF_UNIX if isinstance(self.address, str) else socket.AF_INET


class Stock(Protocol):
    """Gives unconnected, non-blocking sockets."""

    def take(self, target: int) -> socket.socket | None:
        """A socket for the target of that number, or None while there is none."""

    def fileno(self) -> int:
        """What becomes readable when there are more; -1 where there are always enough."""

    def refill(self) -> None:
        """Take in what came."""


class OwnSockets:
    """Sockets of this process's own network."""

    def __init__(self, targets: Sequence[Target]) -> None:
        self._targets = targets

    def take(self, target: int) -> socket.socket | None:
        """A new socket; None when the process may not have more."""
        with suppress(OSError):
            made = socket.socket(self._targets[target].family, socket.SOCK_STREAM)
            made.setblocking(False)
            return made
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
        self._stock: list[deque[socket.socket]] = [deque() for _ in range(targets)]
        for target in range(targets):
            for _ in range(_STOCK):
                self._ask(target)
        while any(len(stock) < _STOCK for stock in self._stock):
            self._receive()
        channel.setblocking(False)

    def take(self, target: int) -> socket.socket | None:
        """A socket from the stock, which asks for another one."""
        if not self._stock[target]:
            self.refill()
        if not self._stock[target]:
            return None
        self._ask(target)
        return self._stock[target].popleft()

    def fileno(self) -> int:
        """The channel."""
        return self._channel.fileno()

    def refill(self) -> None:
        """Take in the sockets that came."""
        with suppress(BlockingIOError):
            while True:
                self._receive()

    def _ask(self, target: int) -> None:
        self._channel.send(str(target).encode())

    def _receive(self) -> None:
        word, descriptors, _, _ = socket.recv_fds(self._channel, _MAX_WORD, 1)
        if not word or not descriptors:
            raise ConnectionError("the judge makes no more sockets")
        made = socket.socket(fileno=descriptors[0])
        made.setblocking(False)
        self._stock[int(word)].append(made)


class Supplier:
    """Makes the sockets that a generator asks for, in a thread of its own."""

    def __init__(self, makers: Sequence[Make]) -> None:
        self._makers = tuple(makers)
        self._ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        """`theirs` is the generator's end."""
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.trouble: Exception | None = None
        """Why it ended before it was closed."""
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
            while word := self._ours.recv(_MAX_WORD):
                with self._makers[int(word)]() as made:
                    socket.send_fds(self._ours, [word], [made.fileno()])
        except (ConnectionError, BrokenPipeError):
            pass  # the generator ended
        except (OSError, InfrastructureError) as error:
            self.trouble = error
            with suppress(OSError):
                self._ours.shutdown(socket.SHUT_RDWR)
