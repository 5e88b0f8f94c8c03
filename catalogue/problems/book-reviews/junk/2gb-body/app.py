"""Answers every request with a list of two gigabytes."""

import os
import socket
import threading


SIZE = 2 * 1024**3
PIECE = b'{"id": 1, "title": "' + b"x" * 65_400 + b'"},'


def answer(connection: socket.socket) -> None:
    connection.sendall(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n[" % SIZE
    )
    left = SIZE - 1
    while left > 0:
        connection.sendall(PIECE[:left])
        left -= len(PIECE)


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
