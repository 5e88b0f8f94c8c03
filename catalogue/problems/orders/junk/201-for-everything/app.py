"""Says "created" to everything, gives it an id, and keeps nothing."""

import json
import os
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Junk(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            value = json.loads(sent or b"[]")
        except (ValueError, RecursionError):
            value = {}
        if isinstance(value, dict):
            value |= {
                "id": str(uuid.uuid4()),
                "status": "pending",
                "created_at": "2024-01-01T00:00:00Z",
            }
        body = json.dumps(value).encode()
        self.send_response(201)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = answer


if __name__ == "__main__":
    ThreadingHTTPServer(("0.0.0.0", int(os.environ["PORT"])), Junk).serve_forever()
