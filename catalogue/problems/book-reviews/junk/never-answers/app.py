"""Takes every connection and every byte, and says nothing."""

import os
import socket
import threading


def answer(connection: socket.socket) -> None:
    while connection.recv(65536):
        pass


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
