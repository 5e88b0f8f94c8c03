"""Answers with a hundred thousand headers of a kilobyte each before anything else."""

import os
import socket
import threading


def answer(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
    for number in range(100_000):
        connection.sendall(b"X-Header-%d: %s\r\n" % (number, b"x" * 1000))
    connection.sendall(b"Content-Length: 2\r\n\r\n[]")


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
