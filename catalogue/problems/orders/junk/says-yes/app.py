"""Registers everybody, logs everybody in, takes every order, and remembers none of it."""

import json
import os
import secrets
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CREATED = "2024-01-01T00:00:00Z"
USER = str(uuid.uuid4())


class Junk(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            value = json.loads(sent or b"{}")
        except (ValueError, RecursionError):
            value = {}
        status, told = self.yes(value if isinstance(value, dict) else {})
        body = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def yes(self, value: dict) -> tuple[int, object]:
        """Whatever somebody might like to hear."""
        path = self.path.split("?")[0].rstrip("/")
        if path.endswith("/register"):
            return 201, {"id": USER, "email": value.get("email"), "created_at": CREATED}
        if path.endswith(("/login", "/refresh")):
            tokens = {"access_token": secrets.token_hex(16), "refresh_token": secrets.token_hex(16)}
            return 200, {**tokens, "token_type": "bearer", "expires_in": 900}
        order = {
            "user_id": USER,
            "total_cents": 100,
            "currency": "EUR",
            "status": "pending",
            "created_at": CREATED,
        }
        if path.endswith("/orders"):
            new = {**order, **value, "id": str(uuid.uuid4())}
            return (
                (201, new) if self.command == "POST" else (200, {"items": [], "next_cursor": None})
            )
        return 200, {**order, **value, "id": path.rsplit("/", 1)[-1]}

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = answer


if __name__ == "__main__":
    ThreadingHTTPServer(("0.0.0.0", int(os.environ["PORT"])), Junk).serve_forever()
