"""Sends every request somewhere else, for ever."""

import itertools
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

STEPS = itertools.count(1)


class Junk(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(308)
        self.send_header("Location", f"/auth/step/{next(STEPS)}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = answer


if __name__ == "__main__":
    ThreadingHTTPServer(("0.0.0.0", int(os.environ["PORT"])), Junk).serve_forever()
