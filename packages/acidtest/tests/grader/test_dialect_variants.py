"""Services that say the same in their own words are understood, each in its own."""

import contextlib
import itertools
import json
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from acidtest.catalogue.problem import Problem
from acidtest.core.clock import RunClock
from acidtest.grader.client import Endpoint, HttpClient, Request
from acidtest.grader.contract import OpenApiDocument
from acidtest.grader.dialect import Dialect, discover

PACKAGE = Path(__file__).parents[4] / "catalogue/problems/book-reviews"
BOOK = {"title": "title", "author": "author", "isbn": "isbn", "published_year": "published_year"}
REVIEW = {"reviewer": "reviewer", "rating": "rating", "comment": "comment"}
REQUIRED = {"title", "author", "reviewer", "rating"}
Fault = tuple[str, str]
"""A field's own name and `missing` or `unknown`."""
Errors = Callable[[list[Fault]], tuple[int, Any]]


def problem_of(contract: str = "lenient") -> Problem:
    """The Book Review problem as it is in the catalogue."""
    data = yaml.safe_load((PACKAGE / "problem.yaml").read_text())
    return Problem(**{**data, "contract": contract}, folder=PACKAGE)


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


CAMEL = {"published_year": "publishedYear", "created_at": "createdAt", "book_id": "bookId"}
OPEN = {
    "openapi": "3.0.3",
    "info": {"title": "x", "version": "1"},
    "servers": [{"url": "http://localhost:3000/library"}],
    "paths": {
        "/books": {
            "get": {
                "parameters": [
                    {"name": "pageSize", "in": "query"},
                    {"name": "after", "in": "query"},
                ]
            },
            "post": {
                "requestBody": {
                    "content": {
                        "application/json": {"schema": {"$ref": "#/components/schemas/BookIn"}}
                    }
                }
            },
        },
        "/books/{bookId}/reviews": {
            "post": {
                "requestBody": {
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "properties": {
                                    "reviewerName": {"type": "string"},
                                    "stars": {"type": "integer"},
                                    "reviewContent": {"type": "string"},
                                },
                            }
                        }
                    }
                }
            },
            "get": {},
        },
    },
    "components": {
        "schemas": {
            "Named": {
                "type": "object",
                "required": ["bookName"],
                "properties": {"bookName": {"type": "string"}},
            },
            "BookIn": {
                "allOf": [
                    {"$ref": "#/components/schemas/Named"},
                    {
                        "type": "object",
                        "required": ["authorName", "genre"],
                        "properties": {
                            "authorName": {"type": "string"},
                            "isbn13": {"type": "string", "nullable": True},
                            "genre": {"type": "string", "enum": ["novel", "essay"]},
                            "year": {"type": "integer"},
                        },
                    },
                ]
            },
        }
    },
}

VARIANTS: dict[str, Service] = {
    "fastapi, as the statement says": Service(),
    "fastapi, forbids extras, own names": Service(
        prefix="/api/v1", forbid=True, names={"comment": "content", "reviewer": "user_name"}
    ),
    "express, data envelope": Service(
        prefix="/api",
        many=lambda items, _: {"success": True, "data": items},
        one=lambda item, _: {"success": True, "data": item},
        errors=express_validator,
        names={"reviewer": "username", "comment": "text"},
    ),
    "nestjs, camel case, forbids extras": Service(
        names={**CAMEL, "reviewer": "reviewerName"},
        forbid=True,
        errors=nest_errors,
        many=lambda items, _: {"items": items, "meta": {"total": len(items)}},
    ),
    "flask, array under a prefix, review_text": Service(
        prefix="/api",
        names={"comment": "review_text", "reviewer": "reviewer_name"},
        errors=sentence,
    ),
    "django, slash at the end": Service(
        prefix="/api",
        slash=True,
        errors=django_errors,
        names={"comment": "body"},
        many=lambda items, _: {
            "count": len(items),
            "next": None,
            "previous": None,
            "results": items,
        },
    ),
    "spring, content page": Service(
        prefix="/api/v1",
        names={**CAMEL, "comment": "description"},
        errors=spring_errors,
        many=lambda items, _: {"content": items, "totalPages": 1, "number": 0, "last": True},
    ),
    "rails, nested under the noun": Service(
        errors=rails_errors,
        many=lambda items, noun: {noun: items},
        one=lambda item, noun: {noun: item},
        names={"reviewer": "user"},
    ),
    "uuid ids, data.items": Service(
        ids=lambda _: str(uuid.uuid4()),
        many=lambda items, _: {"status": "ok", "data": {"items": items, "total": len(items)}},
        one=lambda item, noun: {"status": "ok", "data": {noun: item}},
        errors=problem_errors,
    ),
    "mongo-like ids": Service(
        names={"id": "_id", "reviewer": "name", "rating": "stars"},
        ids=lambda n: f"{n:024x}",
        errors=zod_errors,
        forbid=True,
    ),
    "joi, one fault at a time": Service(
        errors=joi_errors,
        forbid=True,
        names={"title": "name", "author": "writer", "comment": "review", "reviewer": "author"},
    ),
    "ajv, one fault at a time": Service(
        errors=ajv_errors, forbid=True, names={"published_year": "year", "comment": "text"}
    ),
    "refuses without a word": Service(
        errors=mute, names={"title": "book_title", "rating": "score", "reviewer": "userName"}
    ),
    "plain text errors": Service(errors=plain_text, names={"author": "author_name"}),
    "go, capital names in errors": Service(
        prefix="/v1",
        errors=go_errors,
        names={"reviewer": "user"},
        many=lambda items, noun: {noun: items},
    ),
    "extra required fields": Service(
        extra={"publisher": 1, "genre": 1, "price": 1}, errors=fastapi_errors, forbid=True
    ),
    "extra required fields, said in a sentence": Service(
        extra={"publisher": 1, "contact_email": 1}, errors=sentence
    ),
    "singular paths": Service(templates=("/book", "/book/{id}/reviews"), prefix="/api"),
    "reviews at the top": Service(templates=("/books", "/reviews/{id}")),
    "a single-page application in front": Service(prefix="/api", behind_app=True),
    "an empty list is a 404": Service(prefix="/api", empty_is_404=True),
    "takes one name, shows another": Service(
        names={"reviewer": "reviewer_name"}, shows={"reviewer": "reviewerName", "id": "uuid"}
    ),
    "json:api": Service(
        many=lambda items, noun: {"data": [_as_json_api(i, noun) for i in items]},
        one=lambda item, noun: {"data": _as_json_api(item, noun)},
    ),
    "hal": Service(many=lambda items, noun: {"_embedded": {noun: items}, "_links": {}}),
    "told by its document": Service(
        prefix="/library",
        document=OPEN,
        extra={"genre": 1},
        errors=mute,
        forbid=True,
        names={
            "title": "bookName",
            "author": "authorName",
            "isbn": "isbn13",
            "published_year": "year",
            "reviewer": "reviewerName",
            "rating": "stars",
            "comment": "reviewContent",
        },
    ),
    "told by acidtest.toml": Service(
        prefix="/x/y",
        templates=("/tomes", "/tomes/{id}/opinions"),
        errors=mute,
        forbid=True,
        names={"title": "heading", "author": "penned_by", "comment": "prose"},
        extra={"shelf": 1},
        many=lambda items, _: {"alpha": [], "beta": {"gamma": items}},
        one=lambda item, _: {"thing": item, "title": "not this"},
        overrides={
            "paths": {
                "list_books": "/x/y/tomes",
                "create_book": "POST /x/y/tomes",
                "list_reviews": "/x/y/tomes/{id}/opinions",
                "create_review": "/x/y/tomes/:id/opinions",
            },
            "fields": {
                "book": {"title": "heading", "author": "penned_by"},
                "review": {"comment": "prose"},
            },
            "envelopes": {
                "list_books": "beta.gamma",
                "list_reviews": "beta.gamma",
                "book": "thing",
                "create_review": "thing",
            },
            "extra": {"book": {"shelf": "A1"}},
        },
    ),
}


def _as_json_api(item: dict[str, Any], noun: str) -> dict[str, Any]:
    rest = {k: v for k, v in item.items() if k != "id"}
    return {"type": noun, "id": str(item["id"]), "attributes": rest}


@contextlib.asynccontextmanager
async def running(service: Service) -> AsyncIterator[HttpClient]:
    """The service on a free port, and a client that reaches it."""
    runner = web.AppRunner(service.app(), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    client = HttpClient([Endpoint(name="a", port=port)], record=lambda _: None, clock=RunClock())
    try:
        async with client:
            yield client
    finally:
        await runner.cleanup()


async def learned(service: Service, client: HttpClient, contract: str = "lenient") -> Dialect:
    """The dialect of the service as discovery finds it."""
    document = None
    if service.document is not None:
        document = OpenApiDocument.parse(json.dumps(service.document).encode(), source="x")
    return await discover(
        problem_of(contract), overrides=service.overrides, openapi=document, probe=client.send
    )


@pytest.mark.parametrize("service", VARIANTS.values(), ids=VARIANTS.keys())
async def test_the_four_operations_work_in_any_words(service: Service) -> None:
    """A book and its review, said in canonical names, are stored and come back the same."""
    async with running(service) as client:
        dialect = await learned(service, client)
        assert dialect.mismatches == ()

        async def say(operation: str, body: dict[str, Any] | None, **ids: object) -> Any:
            path, method = dialect.path(operation, **ids), dialect.method(operation)
            spec = dialect.problem.operations[operation]
            if body is None:
                reply = await client.send(Request(method, path))
            else:
                said = dialect.encode(str(spec.sends), body)
                reply = await client.send(Request.json(method, path, said))
            assert reply.ok, reply.text
            return dialect.decode(operation, reply.json())

        book = {"title": "T", "author": "A", "isbn": "9780000000002", "published_year": 1999}
        made = await say("create_book", book)
        assert {k: made[k] for k in book} == book
        assert made["created_at"] == "2024-01-01T00:00:00Z"
        listed = {str(b["id"]): b for b in await say("list_books", None)}
        assert {k: listed[str(made["id"])][k] for k in book} == book
        review = {"reviewer": "R", "rating": 4, "comment": "C"}
        written = await say("create_review", review, book_id=made["id"])
        assert {k: written[k] for k in review} == review
        assert str(written["book_id"]) == str(made["id"])
        [shown] = await say("list_reviews", None, book_id=made["id"])
        assert {k: shown[k] for k in review} == review
        stored = service.books[str(made["id"])]
        assert {k: stored[k] for k in book} == book
