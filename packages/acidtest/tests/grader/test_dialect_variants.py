"""Services that say the same in their own words are understood, each in its own."""

import contextlib
import json
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from acidtest.catalogue.problem import Problem
from acidtest.core.clock import RunClock
from acidtest.grader.client import Endpoint, HttpClient, Request
from acidtest.grader.contract import OpenApiDocument
from acidtest.grader.dialect import Dialect, discover, testing
from acidtest.grader.dialect.testing import Service

PACKAGE = Path(__file__).parents[4] / "catalogue/problems/book-reviews"


def problem_of(contract: str = "lenient") -> Problem:
    """The Book Review problem as it is in the catalogue."""
    data = yaml.safe_load((PACKAGE / "problem.yaml").read_text())
    return Problem(**{**data, "contract": contract}, folder=PACKAGE)


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
        errors=testing.express_validator,
        names={"reviewer": "username", "comment": "text"},
    ),
    "nestjs, camel case, forbids extras": Service(
        names={**CAMEL, "reviewer": "reviewerName"},
        forbid=True,
        errors=testing.nest_errors,
        many=lambda items, _: {"items": items, "meta": {"total": len(items)}},
    ),
    "flask, array under a prefix, review_text": Service(
        prefix="/api",
        names={"comment": "review_text", "reviewer": "reviewer_name"},
        errors=testing.sentence,
    ),
    "django, slash at the end": Service(
        prefix="/api",
        slash=True,
        errors=testing.django_errors,
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
        errors=testing.spring_errors,
        many=lambda items, _: {"content": items, "totalPages": 1, "number": 0, "last": True},
    ),
    "rails, nested under the noun": Service(
        errors=testing.rails_errors,
        many=lambda items, noun: {noun: items},
        one=lambda item, noun: {noun: item},
        names={"reviewer": "user"},
    ),
    "uuid ids, data.items": Service(
        ids=lambda _: str(uuid.uuid4()),
        many=lambda items, _: {"status": "ok", "data": {"items": items, "total": len(items)}},
        one=lambda item, noun: {"status": "ok", "data": {noun: item}},
        errors=testing.problem_errors,
    ),
    "mongo-like ids": Service(
        names={"id": "_id", "reviewer": "name", "rating": "stars"},
        ids=lambda n: f"{n:024x}",
        errors=testing.zod_errors,
        forbid=True,
    ),
    "joi, one fault at a time": Service(
        errors=testing.joi_errors,
        forbid=True,
        names={"title": "name", "author": "writer", "comment": "review", "reviewer": "author"},
    ),
    "ajv, one fault at a time": Service(
        errors=testing.ajv_errors, forbid=True, names={"published_year": "year", "comment": "text"}
    ),
    "refuses without a word": Service(
        errors=testing.mute,
        names={"title": "book_title", "rating": "score", "reviewer": "userName"},
    ),
    "plain text errors": Service(errors=testing.plain_text, names={"author": "author_name"}),
    "go, capital names in errors": Service(
        prefix="/v1",
        errors=testing.go_errors,
        names={"reviewer": "user"},
        many=lambda items, noun: {noun: items},
    ),
    "extra required fields": Service(
        extra={"publisher": 1, "genre": 1, "price": 1}, errors=testing.fastapi_errors, forbid=True
    ),
    "extra required fields, said in a sentence": Service(
        extra={"publisher": 1, "contact_email": 1}, errors=testing.sentence
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
        errors=testing.mute,
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
        errors=testing.mute,
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
