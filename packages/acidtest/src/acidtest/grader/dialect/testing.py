"""A Book Review service in anybody's words, for tests of whatever has to understand it.

Shipped with the dialect, because every part that speaks through it needs somebody to speak to.
"""

import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

BOOK = {"title": "title", "author": "author", "isbn": "isbn", "published_year": "published_year"}
REVIEW = {"reviewer": "reviewer", "rating": "rating", "comment": "comment"}
REQUIRED = {"title", "author", "reviewer", "rating"}
Fault = tuple[str, str]
"""A field's own name and `missing` or `unknown`."""
Errors = Callable[[list[Fault]], tuple[int, Any]]


def fastapi_errors(faults: list[Fault]) -> tuple[int, Any]:
    """How FastAPI refuses a body."""
    kinds = {"missing": "Field required", "unknown": "Extra inputs are not permitted"}
    return 422, {"detail": [{"type": k, "loc": ["body", n], "msg": kinds[k]} for n, k in faults]}


def problem_errors(faults: list[Fault]) -> tuple[int, Any]:
    """Problem details with JSON pointers."""
    errors = [{"pointer": f"#/{n}", "detail": f"is {k}"} for n, k in faults]
    return 400, {"type": "about:blank", "title": "Bad Request", "status": 400, "errors": errors}


def express_validator(faults: list[Fault]) -> tuple[int, Any]:
    """How express-validator refuses a body."""
    return 400, {"errors": [{"type": "field", "msg": "Invalid value", "path": n, "location": "body"}
                            for n, _ in faults]}  # fmt: skip


def zod_errors(faults: list[Fault]) -> tuple[int, Any]:
    """How zod refuses a body."""
    issues: list[dict[str, Any]] = [
        {"code": "invalid_type", "path": [n], "message": "Required"}
        for n, k in faults
        if k == "missing"
    ]
    extra = [n for n, k in faults if k == "unknown"]
    if extra:
        issues.append({"code": "unrecognized_keys", "keys": extra, "path": [],
                       "message": f"Unrecognized key(s) in object: {extra}"})  # fmt: skip
    return 400, {"success": False, "error": {"name": "ZodError", "issues": issues}}


def joi_errors(faults: list[Fault]) -> tuple[int, Any]:
    """How joi refuses a body: the first fault only."""
    name, kind = faults[0]
    message = f'"{name}" is {"required" if kind == "missing" else "not allowed"}'
    return 400, {"details": [{"message": message, "path": [name], "context": {"key": name}}]}


def nest_errors(faults: list[Fault]) -> tuple[int, Any]:
    """How NestJS refuses a body."""
    said = {"missing": "{} should not be empty", "unknown": "property {} should not exist"}
    return 400, {"statusCode": 400, "error": "Bad Request",
                 "message": [said[k].format(n) for n, k in faults]}  # fmt: skip


def spring_errors(faults: list[Fault]) -> tuple[int, Any]:
    """How Spring refuses a body."""
    return 400, {"status": 400, "error": "Bad Request", "path": "/books",
                 "errors": [{"field": n, "defaultMessage": "must not be null"}
                            for n, _ in faults]}  # fmt: skip


def django_errors(faults: list[Fault]) -> tuple[int, Any]:
    """How Django REST framework refuses a body."""
    return 400, {n: ["This field is required."] for n, _ in faults}


def rails_errors(faults: list[Fault]) -> tuple[int, Any]:
    """How Rails refuses a body."""
    return 422, {"errors": {n: ["can't be blank"] for n, _ in faults}}


def ajv_errors(faults: list[Fault]) -> tuple[int, Any]:
    """How ajv refuses a body: the first fault only."""
    name, kind = faults[0]
    if kind == "missing":
        error = {"instancePath": "", "keyword": "required", "params": {"missingProperty": name},
                 "message": f"must have required property '{name}'"}  # fmt: skip
    else:
        error = {"instancePath": "", "keyword": "additionalProperties",
                 "params": {"additionalProperty": name},
                 "message": "must NOT have additional properties"}  # fmt: skip
    return 400, {"errors": [error]}


def go_errors(faults: list[Fault]) -> tuple[int, Any]:
    """How a Go service with its usual validator refuses a body."""
    lines = [f"Key: 'Input.{n.title()}' Error:Field validation for '{n.title()}' failed on the "
             "'required' tag" for n, _ in faults]  # fmt: skip
    return 400, {"error": "\n".join(lines)}


def sentence(faults: list[Fault]) -> tuple[int, Any]:
    """One plain sentence for all that is missing."""
    return 400, {"error": f"Missing required fields: {', '.join(n for n, _ in faults)}"}


def plain_text(faults: list[Fault]) -> tuple[int, Any]:
    """A text instead of JSON, with one fault."""
    return 400, f"{faults[0][0]} is required"


def mute(_faults: list[Fault]) -> tuple[int, Any]:
    """A refusal that explains nothing."""
    return 400, {"error": "Bad Request"}


@dataclass
class Service:
    """A Book Review service in somebody's words."""

    prefix: str = ""
    templates: tuple[str, str] = ("/books", "/books/{id}/reviews")
    slash: bool = False
    names: dict[str, str] = field(default_factory=dict)
    """Its names of canonical fields, in requests and answers."""
    shows: dict[str, str] = field(default_factory=dict)
    """Its names in answers, where they differ."""
    many: Callable[[list[Any], str], Any] = lambda items, _noun: items
    one: Callable[[Any, str], Any] = lambda item, _noun: item
    errors: Errors = fastapi_errors
    forbid: bool = False
    extra: dict[str, Any] = field(default_factory=dict)
    ids: Callable[[int], Any] = lambda number: number
    document: dict[str, Any] | None = None
    behind_app: bool = False
    """Whether every unknown path answers 200 with a page, as single-page applications do."""
    empty_is_404: bool = False
    overrides: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.books: dict[str, dict[str, Any]] = {}
        self.reviews: list[dict[str, Any]] = []
        self._numbers = itertools.count(1)

    def app(self) -> web.Application:
        """The service as it listens."""
        app = web.Application()
        end = "/" if self.slash else ""
        books, reviews = (f"{self.prefix}{t}{end}" for t in self.templates)
        app.router.add_get(books, self._list_books)
        app.router.add_post(books, self._add_book)
        app.router.add_get(reviews, self._list_reviews)
        app.router.add_post(reviews, self._add_review)
        if self.slash:
            for path in (books, reviews):
                app.router.add_route("*", path.rstrip("/"), _to_slash)
        if self.behind_app:
            app.router.add_get("/{tail:.*}", _page)
        return app

    def _name(self, own: str) -> str:
        return self.names.get(own, own)

    def _shown(self, noun: str, raw: Mapping[str, Any]) -> dict[str, Any]:
        return {self.shows.get(k, self._name(k)): v for k, v in raw.items() if k != "_" + noun}

    async def _read(self, request: web.Request, own: Mapping[str, str], noun: str) -> Any:
        body = await request.json()
        names = {self._name(k): k for k in own}
        extra = {k: v for k, v in self.extra.items() if noun == "book"}
        faults: list[Fault] = [
            (theirs, "missing")
            for theirs, k in names.items()
            if k in REQUIRED and not body.get(theirs)
        ]
        faults += [(k, "missing") for k in extra if k not in body]
        if self.forbid:
            faults += [(k, "unknown") for k in body if k not in names and k not in extra]
        if faults:
            status, said = self.errors(faults)
            text = said if isinstance(said, str) else json.dumps(said)
            raise _refused(status, text)
        return {k: body.get(theirs) for theirs, k in names.items()}

    async def _add_book(self, request: web.Request) -> web.Response:
        book = await self._read(request, BOOK, "book")
        number = self.ids(next(self._numbers))
        self.books[str(number)] = {"id": number, **book, "created_at": "2024-01-01T00:00:00Z"}
        shown = self._shown("book", self.books[str(number)])
        return web.json_response(self.one(shown, "book"), status=201)

    async def _list_books(self, _request: web.Request) -> web.Response:
        if self.empty_is_404 and not self.books:
            return web.json_response({"error": "no books"}, status=404)
        shown = [self._shown("book", book) for book in self.books.values()]
        return web.json_response(self.many(shown, "books"))

    async def _add_review(self, request: web.Request) -> web.Response:
        book = self._book(request)
        review = await self._read(request, REVIEW, "review")
        self.reviews.append({"id": self.ids(next(self._numbers)), "book_id": book["id"], **review})
        shown = self._shown("review", self.reviews[-1])
        return web.json_response(self.one(shown, "review"), status=201)

    async def _list_reviews(self, request: web.Request) -> web.Response:
        book = self._book(request)
        own = [r for r in self.reviews if r["book_id"] == book["id"]]
        return web.json_response(self.many([self._shown("review", r) for r in own], "reviews"))

    def _book(self, request: web.Request) -> dict[str, Any]:
        wanted = request.match_info["id"]
        if wanted not in self.books:
            raise _refused(404, '{"detail": "no such book"}')
        return self.books[wanted]


def _refused(status: int, text: str) -> web.HTTPException:
    kinds = {400: web.HTTPBadRequest, 404: web.HTTPNotFound, 422: web.HTTPUnprocessableEntity}
    return kinds[status](text=text, content_type="application/json")


async def _to_slash(request: web.Request) -> web.Response:
    raise web.HTTPTemporaryRedirect(f"{request.path}/")


async def _page(_request: web.Request) -> web.Response:
    return web.Response(text="<html>app</html>", content_type="text/html")
