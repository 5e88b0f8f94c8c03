"""Answers with ten megabytes that unpack to ten gigabytes."""

import os
import socket
import threading
import zlib


MEBIBYTES = 10_240


def fold() -> tuple[bytes, bytes]:
    """The first packed mebibyte of spaces, and the one that may follow it any number of times."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    pieces = [packer.compress(b" " * 2**20) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2)]
    return pieces[0], pieces[1]


FIRST, MORE = fold()
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"


def answer(connection: socket.socket) -> None:
    connection.sendall(HEAD % (len(FIRST) + len(MORE) * (MEBIBYTES - 1)) + FIRST)
    for _ in range(MEBIBYTES - 1):
        connection.sendall(MORE)


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
