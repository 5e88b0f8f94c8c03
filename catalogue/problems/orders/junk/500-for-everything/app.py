"""Answers every request with 500, its stack trace and its secrets."""

import os
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Junk(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            raise RuntimeError(
                f"SELECT * FROM users -- {os.environ.get('DATABASE_URL')} {os.environ.get('SECRET_KEY')}"
            )
        except RuntimeError:
            trace = traceback.format_exc()
        body = trace.encode()
        self.send_response(500)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = answer


if __name__ == "__main__":
    ThreadingHTTPServer(("0.0.0.0", int(os.environ["PORT"])), Junk).serve_forever()
