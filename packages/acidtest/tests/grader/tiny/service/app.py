"""Notes: two operations over PostgreSQL with a cache in front, nothing but the standard library."""

import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from wire import Postgres, Redis, literal

try:
    import hook
except ModuleNotFoundError:
    hook = None

KEY = "notes"
DEEDS: dict[str, str] = {}
"""What the hook did and what came of it, told at /deeds."""


class Shelf:
    """The notes, one connection each to database and cache, made again after any error."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._database = None
        self._cache = None

    def database(self) -> Postgres:
        """The connection to the database."""
        if self._database is None:
            self._database = Postgres(os.environ["DATABASE_URL"])
        return self._database

    def cache(self) -> Redis:
        """The connection to the cache."""
        if self._cache is None:
            self._cache = Redis(os.environ["REDIS_URL"])
        return self._cache

    def notes(self) -> str:
        """All notes as JSON, from the cache where it has them."""
        with self._lock:
            kept = self._cached("GET", KEY)
            if kept is not None:
                return kept
            rows = self._query("select id, text from notes order by id")
            text = json.dumps([{"id": int(row[0]), "text": row[1]} for row in rows])
            self._cached("SET", KEY, text, "EX", "60")
            return text

    def add(self, text: str) -> str:
        """Store a note and return it as JSON."""
        with self._lock:
            rows = self._query(f"insert into notes (text) values ({literal(text)}) returning id")  # noqa: S608 - quoted
            self._cached("DEL", KEY)
            return json.dumps({"id": int(rows[0][0]), "text": text})

    def _query(self, sql: str) -> list:
        try:
            return self.database().run(sql)
        except OSError:
            self._database = None
            raise

    def _cached(self, *words: str) -> str | None:
        try:
            return self.cache().run(*words)
        except OSError:
            self._cache = None
            return None


SHELF = Shelf()


class Handler(BaseHTTPRequestHandler):
    """Answers requests; the hook may answer them first."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer a GET."""
        if hook is not None and hasattr(hook, "request") and hook.request(self):
            return
        if self.path == "/notes":
            self.answer(200, SHELF.notes())
        elif self.path == "/health":
            self.answer(200, '{"status": "ok"}')
        elif self.path == "/deeds":
            self.answer(200, json.dumps(DEEDS))
        else:
            self.answer(404, '{"detail": "not found"}')

    def do_POST(self) -> None:
        """Answer a POST."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if hook is not None and hasattr(hook, "request") and hook.request(self):
            return
        if self.path != "/notes":
            self.answer(404, '{"detail": "not found"}')
            return
        try:
            text = json.loads(body)["text"]
        except (ValueError, KeyError, TypeError):
            self.answer(422, '{"detail": "text is missing"}')
            return
        self.answer(201, SHELF.add(str(text)))

    def answer(self, status: int, text: str) -> None:
        """Send one answer of JSON."""
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, pattern: str, *values: object) -> None:
        """Write one line to standard output."""
        print(pattern % values, flush=True)  # noqa: T201 - its log is its standard output


class Server(ThreadingHTTPServer):
    """A server that does not ask DNS for its name."""

    daemon_threads = True

    def server_bind(self) -> None:
        """Bind without a name."""
        self.socket.setsockopt(1, 2, 1)
        self.socket.bind(self.server_address)


if __name__ == "__main__":
    if hook is not None and hasattr(hook, "start"):
        hook.start(DEEDS)
    everywhere = ("0.0.0.0", int(os.environ["PORT"]))  # noqa: S104 - as the statement asks
    Server(everywhere, Handler).serve_forever()
