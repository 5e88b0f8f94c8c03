"""Speaks something else than HTTP, and a different thing every time."""

import itertools
import os
import socketserver

LINES = itertools.cycle(
    [
        b"HTTP/9.9 OK\r\n\r\n",
        b"SSH-2.0-orders\r\n",
        b"HTTP/1.1 two hundred\r\n\r\n",
        b"HTTP/1.1 201 Created\r\nContent-Length: -1\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"\x00" * 64,
    ]
)


class Junk(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        try:
            self.request.recv(65536)
            self.request.sendall(next(LINES))
        except OSError:
            pass  # the other side had enough


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


if __name__ == "__main__":
    Server(("0.0.0.0", int(os.environ["PORT"])), Junk).serve_forever()
