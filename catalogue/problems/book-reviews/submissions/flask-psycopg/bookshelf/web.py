"""Paths, methods, statuses and headers."""

import json
import logging
import re
import secrets
import time
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from bookshelf import rules
from bookshelf.errors import Malformed, Problem, Unsupported, body_of
from bookshelf.shelf import Shelf
from bookshelf.store import Store

log = logging.getLogger(__name__)

# Far above any body that keeps the rules, so that a text that is too long is told so.
_BODY_BYTES = 2 * 1024 * 1024
_JSON = re.compile(r"application/([\w.+-]+\+)?json", re.IGNORECASE)
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_IN_OUR_WORDS = {
    404: "There is nothing at this path.",
    405: "This path does not know that method; see Allow.",
    413: "The body is too large.",
}
_OPENAPI = Path(__file__).parent.parent / "openapi.yaml"


def _json(status: int, value: Any, kind: str = "application/json") -> Response:
    return Response(json.dumps(value, ensure_ascii=False), status, mimetype=kind)


def _body() -> dict[str, Any]:
    if request.mimetype and not _JSON.fullmatch(request.mimetype):
        raise Unsupported("Send the body as application/json.")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Unsupported("Send the body without a content coding.")
    return rules.parse(request.get_data(cache=False))


def build(store: Store, shelf: Shelf) -> Flask:
    """The application over its parts."""
    app = Flask("bookshelf", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = _BODY_BYTES
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.before_request(_begin)
    app.after_request(_end)
    app.register_blueprint(_api(store, shelf), url_prefix="/api")
    _add_operations(app, store)
    app.register_error_handler(Problem, _refused)
    app.register_error_handler(HTTPException, _refused_by_framework)
    app.register_error_handler(Exception, _unexpected)
    return app


def _api(store: Store, shelf: Shelf) -> Blueprint:
    api = Blueprint("api", __name__)

    @api.get("/books")
    def list_books() -> Response:
        return Response(shelf.list(), mimetype="application/json")

    @api.post("/books")
    def create_book() -> Response:
        return _json(201, shelf.add(rules.book(_body())))

    @api.get("/books/<number>/reviews")
    def list_reviews(number: str) -> Response:
        return _json(200, store.reviews(rules.book_id(number)))

    @api.post("/books/<number>/reviews")
    def create_review(number: str) -> Response:
        book = rules.book_id(number)
        return _json(201, store.add_review(book, rules.review(_body())))

    return api


def _add_operations(app: Flask, store: Store) -> None:
    """What the people who run the service ask it."""

    @app.get("/openapi.yaml")
    def openapi() -> Response:
        return Response(_OPENAPI.read_bytes(), mimetype="application/yaml")

    @app.get("/health")
    def health() -> Response:
        # A database that is down is no reason to restart this process.
        return _json(200, {"status": "ok"})

    @app.get("/ready")
    def ready() -> Response:
        store.ping()
        return _json(200, {"status": "ready"})


def _begin() -> None:
    g.began = time.monotonic()
    match = _TRACEPARENT.fullmatch(request.headers.get("traceparent", ""))
    g.trace_id = match[1] if match else secrets.token_hex(16)


def _end(response: Response) -> Response:
    response.headers["X-Trace-Id"] = g.trace_id
    fields = {
        "trace_id": g.trace_id,
        "method": request.method,
        "path": request.path[:200],
        "status": response.status_code,
        "ms": round((time.monotonic() - g.began) * 1000, 1),
    }
    log.info("request", extra={"fields": fields})
    return response


def _problem(status: int, title: str, detail: str, errors: tuple[tuple[str, str], ...] = ()) -> Response:
    return _json(status, body_of(status, title, detail, g.trace_id, errors), "application/problem+json")


def _refused(problem: Problem) -> Response:
    response = _problem(problem.status, problem.title, problem.detail, problem.errors)
    response.headers.update(problem.headers)
    return response


def _refused_by_framework(error: HTTPException) -> Response:
    status = error.code or 500
    detail = _IN_OUR_WORDS.get(status) or error.description or error.name
    response = _problem(status, error.name, detail)
    for name, value in error.get_headers():
        if name == "Allow":
            response.headers[name] = value
    if status == 413:
        # Nobody reads the rest of a body that was refused.
        response.headers["Connection"] = "close"
    return response


def _unexpected(error: Exception) -> Response:
    if isinstance(error, UnicodeDecodeError):
        return _refused(Malformed("The request cannot be read."))
    log.error("unexpected", exc_info=error, extra={"fields": {"trace_id": g.trace_id}})
    return _problem(500, "Internal Server Error", "Something went wrong on our side.")
