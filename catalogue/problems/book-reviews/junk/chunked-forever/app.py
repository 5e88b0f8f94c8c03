"""Answers with a list that has no end, in small chunks."""

import os
import socket
import threading
import time


ITEM = b'{"id": 1, "title": "a", "author": "b"},' * 20
CHUNK = b"%x\r\n%s\r\n" % (len(ITEM), ITEM)


def answer(connection: socket.socket) -> None:
    connection.sendall(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n[\r\n"
    )
    while True:
        connection.sendall(CHUNK)
        time.sleep(0.01)


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
