"""A program of its own: enters a sandbox's namespaces and hands out sockets made there.

Run by `_sockets.HelperSockets` with two file descriptors: a channel, and the network namespace. It
imports nothing of ours, since it must have one thread and start at once.
"""

import ctypes
import fcntl
import os
import signal
import socket
import sys

_GET_OWNER = 0xB701
"""NS_GET_USERNS: the user namespace that owns a namespace."""
_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000
_SET_PARENT_DEATH_SIGNAL = 1


def _enter(libc: ctypes.CDLL, descriptor: int, kind: int) -> None:
    if libc.setns(descriptor, kind):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def _make(port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if port:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", port))
        sock.listen(1024)
    return sock


def main(channel: socket.socket, namespace: int) -> None:
    """Serve requests from `channel` until its other end closes."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    try:
        # Not /proc/<pid>/ns/user: bwrap nests a second user namespace, and which of the two one
        # finds there is a race.
        _enter(libc, fcntl.ioctl(namespace, _GET_OWNER), _NEW_USER)
        _enter(libc, namespace, _NEW_NETWORK)
    except OSError as error:
        channel.send(str(error).encode())
        return
    channel.send(b"ok")
    while request := channel.recv(16):
        try:
            with _make(int(request)) as sock:
                socket.send_fds(channel, [b"ok"], [sock.fileno()])
        except OSError as error:
            channel.send(str(error).encode())


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]))
