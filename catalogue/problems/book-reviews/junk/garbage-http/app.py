"""Answers in no protocol at all, a different one each time."""

import itertools
import os
import random
import socket
import threading


SHAPES = (
    b"HTTP/1.1 two-hundred OK\r\n\r\n[]",
    b"HTTP/9.9 200 OK\r\nContent-Length: -5\r\n\r\n[]",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n[]",
    b"HTTP/1.1 200 OK\r\nno colon here\r\n: no name\r\nNul\x00: \x00\r\nContent-Length: 2\r\n\r\n[]",
    b"HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\nffffffffffffffffffff\r\n[]",
    b"HTTP/1.1 100 Continue\r\n\r\n" * 1000,
    b"SSH-2.0-OpenSSH_9.2\r\n",
    b"\x15\x03\x01\x00\x02\x02\x28",
    b"",
    random.Random(4).randbytes(100_000),
)
TURN = itertools.cycle(SHAPES)


def answer(connection: socket.socket) -> None:
    connection.sendall(next(TURN))


def serve(answer) -> None:
    """Answers every connection in a thread of its own."""
    with socket.create_server(("0.0.0.0", int(os.environ["PORT"])), backlog=128) as door:
        while True:
            connection, _address = door.accept()
            threading.Thread(target=converse, args=(connection, answer), daemon=True).start()


def converse(connection: socket.socket, answer) -> None:
    with connection:
        try:
            connection.recv(65536)
            answer(connection)
        except OSError:
            pass  # the other side had enough


if __name__ == "__main__":
    serve(answer)
