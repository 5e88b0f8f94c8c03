"""Sockets that live in a sandbox's network, made without routes, bridges or forwarding.

A socket belongs for ever to the network namespace of the thread that made it. So a thread enters
the sandbox's namespace once and makes sockets there on request; the rest of the grader uses them
like any other. The only thing the program can reach is what was bound this way.
"""

import array
import ctypes
import os
import socket
import subprocess
import sys
import threading
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Protocol

from acidtest.core.errors import InfrastructureError

_NEW_NETWORK = 0x40000000
_BACKLOG = 1024
_ANSWER_SECONDS = 10.0
_CONNECTING = 0
"""Asks for a socket to connect with; any other number asks for a listener at that port."""


class SocketMaker(Protocol):
    """Makes TCP sockets in one network."""

    def make(self, port: int = _CONNECTING) -> socket.socket:
        """Return a non-blocking socket: listening at 127.0.0.1:`port`, or unconnected for 0."""

    def close(self) -> None:
        """Let go of the network; sockets already made stay usable."""


def _new_socket(port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        if port != _CONNECTING:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(("127.0.0.1", port))
            sock.listen(_BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock


def _enter_network(namespace_fd: int) -> None:
    # os.setns exists from Python 3.12 on.
    if ctypes.CDLL(None, use_errno=True).setns(namespace_fd, _NEW_NETWORK):
        code = ctypes.get_errno()
        raise OSError(code, f"setns: {os.strerror(code)}")


class HostSockets:
    """Sockets of the machine's own network; a listener's port gives way when it is taken."""

    def make(self, port: int = _CONNECTING) -> socket.socket:
        """Return a socket; a listener at `port`, or at a free one when that is taken."""
        try:
            return _new_socket(port)
        except OSError:
            if port == _CONNECTING:
                raise
        sock = _new_socket(_CONNECTING)
        sock.bind(("127.0.0.1", 0))
        sock.listen(_BACKLOG)
        return sock

    def close(self) -> None:
        """Do nothing: the machine's network is not ours to let go."""


class NamespaceSockets:
    """Sockets made by a thread that entered a network namespace; needs the right to enter it."""

    def __init__(self, namespace_fd: int) -> None:
        self._namespace_fd = namespace_fd
        self._requests: SimpleQueue[tuple[int, Future[socket.socket]] | None] = SimpleQueue()
        self._closed = False
        entered: Future[None] = Future()
        self._thread = threading.Thread(target=self._serve, args=(entered,), daemon=True)
        self._thread.start()
        entered.result(_ANSWER_SECONDS)

    def make(self, port: int = _CONNECTING) -> socket.socket:
        """Return a socket of the namespace."""
        if self._closed:
            raise InfrastructureError("The sandbox is closed; it makes no more sockets.")
        answer: Future[socket.socket] = Future()
        self._requests.put((port, answer))
        return answer.result(_ANSWER_SECONDS)

    def close(self) -> None:
        """End the thread."""
        if not self._closed:
            self._closed = True
            self._requests.put(None)
            self._thread.join(_ANSWER_SECONDS)

    def _serve(self, entered: Future[None]) -> None:
        try:
            _enter_network(self._namespace_fd)
        except OSError as error:
            entered.set_exception(error)
            return
        entered.set_result(None)
        while (request := self._requests.get()) is not None:
            port, answer = request
            try:
                answer.set_result(_new_socket(port))
            except OSError as error:
                answer.set_exception(error)


class HelperSockets:
    """Sockets made by a helper process that entered the namespace's user namespace first.

    An ordinary user may enter a network namespace only together with the user namespace that owns
    it, and only a process with a single thread may do that: hence a process, and sockets passed
    back over a pipe of its own.
    """

    def __init__(self, namespace_fd: int) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._lock = threading.Lock()
        """Keeps one thread's answer from being read by another."""
        self._channel = ours
        with theirs:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-I", "-S"),
                    str(Path(__file__).with_name("_socket_helper.py")),
                    *(str(theirs.fileno()), str(namespace_fd)),
                ],
                pass_fds=(theirs.fileno(), namespace_fd),
                stdin=subprocess.DEVNULL,
                env={},
            )
        ours.settimeout(_ANSWER_SECONDS)
        if self._receive() is not None:
            raise InfrastructureError("The socket helper spoke out of turn.")

    def make(self, port: int = _CONNECTING) -> socket.socket:
        """Return a socket of the namespace."""
        with self._lock:
            self._channel.send(str(port).encode())
            made = self._receive()
        if made is None:
            raise InfrastructureError("The socket helper sent no socket.")
        made.setblocking(False)
        return made

    def close(self) -> None:
        """End the helper."""
        self._channel.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_ANSWER_SECONDS)
        self._process.kill()
        self._process.wait(_ANSWER_SECONDS)

    def _receive(self) -> socket.socket | None:
        room = socket.CMSG_SPACE(array.array("i").itemsize)
        text, ancillary, _, _ = self._channel.recvmsg(256, room)
        if text != b"ok":
            raise InfrastructureError(f"The socket helper failed: {text.decode(errors='replace')}")
        for _, _, data in ancillary:
            return socket.socket(fileno=int.from_bytes(data, sys.byteorder))
        return None
