"""OpenAPI documents are found, read within bounds, judged, and compared with answers."""

import asyncio
import copy
import json
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from multidict import CIMultiDict, CIMultiDictProxy

from acidtest.core.evidence import HttpExchange
from acidtest.grader.client import Reply, Request, Trouble
from acidtest.grader.contract import (
    ContractError,
    Examiner,
    OpenApiDocument,
    Unexaminable,
    find_document,
)

CONTRACT = Path(__file__).parents[4] / "catalogue/problems/book-reviews/contract.yaml"
SMALL: dict[str, Any] = {
    "openapi": "3.0.3",
    "info": {"title": "x", "version": "1"},
    "servers": [{"url": "http://localhost:3000/api"}],
    "paths": {
        "/books/{id}": {
            "parameters": [
                {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
            ],
            "get": {
                "responses": {
                    "200": {
                        "description": "a book",
                        "content": {
                            "application/json": {"schema": {"$ref": "#/components/schemas/Book"}}
                        },
                    },
                    "4XX": {"$ref": "#/components/responses/Bad"},
                    "204": {"description": "none"},
                }
            },
        },
        "/books/top": {"get": {"responses": {"200": {"description": "the best"}}}},
    },
    "components": {
        "responses": {
            "Bad": {
                "description": "bad",
                "content": {
                    "application/problem+json": {
                        "schema": {"type": "object", "required": ["title"]}
                    }
                },
            }
        },
        "schemas": {
            "Book": {
                "type": "object",
                "required": ["id", "isbn"],
                "properties": {
                    "id": {"type": "integer"},
                    "isbn": {"type": "string", "nullable": True, "pattern": "^[0-9]+$"},
                    "at": {"type": "string", "format": "date-time"},
                    "next": {"$ref": "#/components/schemas/Book"},
                },
            }
        },
    },
}


def parse(root: Any) -> OpenApiDocument:
    """The document of a Python value."""
    return OpenApiDocument.parse(json.dumps(root).encode(), source="test")


def changed(**changes: Any) -> dict[str, Any]:
    """The small document with other values at dotted places, `__` for the dot."""
    root = copy.deepcopy(SMALL)
    for place, value in changes.items():
        *way, last = place.split("__")
        node = root
        for part in way:
            node = node[part]
        node[last] = value
    return root


def reply_of(request: Request, status: int | None, body: bytes = b"", **headers: str) -> Reply:
    """A reply as the client would make it."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(
        request=request,
        exchange=HttpExchange(at=0.0, method=request.method, url=request.path),
        status=status,
        error=None if status is not None else Trouble.TIMEOUT,
        headers=CIMultiDictProxy(CIMultiDict(named)),
        body=body,
    )


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
MERGES = "a: &a {k: 1}\n" + "".join(
    f"{new}: &{new} {{<<: [{','.join([f'*{old}'] * 30)}]}}\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"{",
        b"openapi: 3.0.0\n  x: [",
        b'{"swagger": "2.0"}',
        b'{"openapi": "2"}',
        b"\xff\xfe\x00",
        b"openapi: 3.0.0\nx: !!python/object/apply:os.system ['true']",
        b'{"openapi": "3.0.0", "x": ' + b"[" * 500 + b"]" * 500 + b"}",
        b"[" * 200_000,
        b"{" * 200_000,
        f"openapi: 3.0.0\n{BOMB}".encode(),
        f"openapi: 3.0.0\n{MERGES}".encode(),
        b"openapi: 3.0.0\na: &a\n  b: *a\n",
        b"x" * 5_000_000,
        b'{"openapi": "3.0.0", "x": [' + b"1," * 300_000 + b"1]}",
    ],
    ids=["empty", "list", "cut json", "cut yaml", "swagger 2", "version", "binary", "python tag",
         "deep", "endless list", "endless object", "alias bomb", "merge bomb", "loop", "huge",
         "many nodes"],
)  # fmt: skip
def test_what_is_no_document_is_refused(text: bytes) -> None:
    """Anything but an OpenAPI 3 document of sane size is refused with a reason, quickly."""
    began = time.monotonic()
    with pytest.raises(ContractError) as caught:
        OpenApiDocument.parse(text, source="x")

    assert str(caught.value)
    assert time.monotonic() - began < 10


def test_yaml_keys_become_text() -> None:
    """Status codes and dates that YAML reads as numbers and dates are text again."""
    document = OpenApiDocument.parse(
        b"openapi: 3.1.0\ninfo: {version: 2024-01-01}\npaths: {/a: {get: {responses: {200: {}}}}}",
        source="x",
    )

    assert document.root["info"]["version"] == "2024-01-01"
    assert document.documents("GET", "/a", 200)
    assert not document.documents("GET", "/a", 404)


def test_operations_are_matched_up_to_parameters_and_prefix() -> None:
    """A path fits its template whatever its parameters are called; literal parts win."""
    document = parse(SMALL)

    assert document.describes("get", "/api/books/{book_id}")
    assert document.describes("GET", "/books/17/")
    assert not document.describes("POST", "/books/17")
    assert not document.describes("GET", "/v2/books/17")
    assert not document.describes("GET", "/books/17/reviews")
    found = document.find("GET", "/api/books/top")
    assert found is not None
    assert found.path == "/books/top"


def test_schemas_are_flattened_without_end() -> None:
    """References, allOf and alternatives are followed; loops and dead ends stop."""
    loop = {"$ref": "#/components/schemas/A"}
    root = changed(components__schemas__A={"allOf": [loop, {"anyOf": [{"type": "null"}, loop]}]})
    document = parse(root)

    assert document.flatten(loop) == {}
    assert document.resolve({"$ref": "#/nowhere"}) is None
    assert document.resolve({"$ref": "http://example.com/x"}) is None
    assert document.flatten({"type": ["null", "integer"]}) == {"type": "integer"}


async def test_the_problems_own_contract_is_valid() -> None:
    """The contract of Book Reviews itself passes the validation asked of candidates."""
    document = OpenApiDocument.parse(CONTRACT.read_bytes(), source=CONTRACT.name)
    async with Examiner() as examiner:
        assert await examiner.validate(document) == []


async def test_documents_are_judged_by_the_specification() -> None:
    """What is wrong with a document is said in sentences; remote references are not followed."""
    async with Examiner() as examiner:
        assert await examiner.validate(parse(SMALL)) == []
        untitled = await examiner.validate(parse(changed(info={"version": "1"})))
        remote = await examiner.validate(
            parse(changed(components__schemas__Book={"$ref": "http://127.0.0.1:1/x.json#/A"}))
        )
        dead = await examiner.validate(
            parse(changed(components__schemas__Book={"$ref": "#/components/schemas/None"}))
        )

    assert any("title" in sentence for sentence in untitled)
    assert any("not followed" in sentence for sentence in remote)
    assert dead


BOOK = {"id": 1, "isbn": None}
CASES: list[tuple[str, int, str, bytes, str | None]] = [
    ("as documented", 200, "application/json; charset=utf-8", json.dumps(BOOK).encode(), None),
    ("nullable", 200, "application/json", b'{"id": 1, "isbn": null}', None),
    ("wrong type", 200, "application/json", b'{"id": "1", "isbn": null}', "id"),
    ("missing", 200, "application/json", b'{"id": 1}', "isbn"),
    ("pattern", 200, "application/json", b'{"id": 1, "isbn": "x"}', "isbn"),
    ("nested", 200, "application/json", b'{"id": 1, "isbn": null, "next": {"id": 2}}', "next"),
    ("no time", 200, "application/json", b'{"id": 1, "isbn": null, "at": "noon"}', "at"),
    ("not JSON", 200, "application/json", b"{", "not JSON"),
    ("too deep", 200, "application/json", b"[" * 100_000, "not JSON"),
    ("other type", 200, "text/html", b"<p>", "text/html"),
    ("range", 404, "application/problem+json", b"{}", "title"),
    ("range, fine", 404, "application/problem+json", b'{"title": "x"}', None),
    ("no content", 204, "", b"", None),
    ("undocumented status", 500, "text/plain", b"oops", None),
]  # fmt: skip


async def test_answers_are_compared_with_the_document() -> None:
    """A departure is named with its place; what conforms, or is not foreseen, is not."""
    async with Examiner() as examiner:
        for name, status, content_type, body, told in CASES:
            found = await examiner.conforms(
                parse(SMALL), "GET", "/api/books/1", status=status, content_type=content_type,
                body=body,
            )  # fmt: skip
            right = (found == []) if told is None else any(told in line for line in found)
            assert right, (name, found)


async def test_a_pattern_that_never_ends_is_ended() -> None:
    """A catastrophic pattern costs the deadline, and the next question is answered."""
    evil = {"type": "object", "properties": {"id": {"type": "string", "pattern": "^(a|aa)+$"}}}
    document = parse(changed(components__schemas__Book=evil))
    body = json.dumps({"id": "a" * 200 + "!"}).encode()
    async with Examiner() as examiner:
        assert await examiner.validate(parse(SMALL)) == []
        began = time.monotonic()
        with pytest.raises(Unexaminable):
            await examiner.conforms(
                document, "GET", "/books/1", status=200, content_type="application/json",
                body=body, deadline=0.5,
            )  # fmt: skip
        assert time.monotonic() - began < 5
        assert await examiner.validate(parse(SMALL)) == []


async def test_questions_at_once_get_their_own_answers() -> None:
    """Two checks that ask at the same time do not take each other's answers."""
    good, bad = b'{"id": 1, "isbn": null}', b'{"id": 1}'
    async with Examiner() as examiner:

        async def ask(body: bytes) -> list[str]:
            return await examiner.conforms(
                parse(SMALL), "GET", "/books/1", status=200, content_type="application/json",
                body=body,
            )  # fmt: skip

        async with asyncio.TaskGroup() as tasks:
            asked = [tasks.create_task(ask(body)) for body in (good, bad) * 4]
        assert [bool(task.result()) for task in asked] == [False, True] * 4


def serving(pages: dict[str, tuple[str, bytes]]) -> Any:
    """A probe of a service that has only these pages, and what it was asked."""

    async def probe(request: Request) -> Reply:
        if request.path in pages:
            kind, body = pages[request.path]
            if kind == "redirect":
                return reply_of(request, 302, Location=body.decode())
            return reply_of(request, 200, body, Content_Type=kind)
        return reply_of(request, 404)

    return probe


TEXT = json.dumps(SMALL).encode()
HTML = (
    b"<html><script>window.ui = SwaggerUIBundle({ url: '/deep/spec.json', dom_id: 'x' })</script>"
)
STARTED = (
    b"<script src='./swagger-ui-bundle.js'></script><script src='./swagger-ui-init.js'></script>"
)
HOLDING = b"""window.onload = function() { var options = {
  "swaggerDoc": %s, "customOptions": {} }; var spec1 = options.swaggerDoc }""" % json.dumps(
    {**SMALL, "info": {"title": 'a "} brace', "version": "1"}}, indent=2
).encode()
FOUND: dict[str, tuple[dict[str, tuple[str, bytes]], str]] = {
    "fastapi": ({"/openapi.json": ("application/json", TEXT)}, "/openapi.json"),
    "nest": ({"/api/docs-json": ("application/json", TEXT)}, "/api/docs-json"),
    "spring": ({"/v3/api-docs": ("application/json", TEXT)}, "/v3/api-docs"),
    "yaml": ({"/openapi.yaml": ("text/yaml", yaml.safe_dump(SMALL).encode())}, "/openapi.yaml"),
    "under a prefix": ({"/v1/openapi.json": ("application/json", TEXT)}, "/v1/openapi.json"),
    "swagger ui": ({"/docs": ("text/html", HTML),
                    "/deep/spec.json": ("application/json", TEXT)}, "/deep/spec.json"),
    "redoc": ({"/redoc": ("text/html", b"<redoc spec-url='/deep/spec.json'></redoc>"),
               "/deep/spec.json": ("application/json", TEXT)}, "/deep/spec.json"),
    "redirected": ({"/api-docs": ("redirect", b"http://elsewhere/api-docs/"),
                    "/api-docs/": ("application/json", TEXT)}, "/api-docs"),
    "inside a script": ({"/api-docs": ("redirect", b"/api-docs/"),
                         "/api-docs/": ("text/html", STARTED),
                         "/api-docs/swagger-ui-init.js": ("text/javascript", HOLDING)},
                        "/api-docs/swagger-ui-init.js"),
    "inside a script further on": (
        {"/docs": ("redirect", b"/docs/"), "/docs/": ("text/html", STARTED),
         "/docs/swagger-ui-init.js": ("text/javascript", HOLDING)}, "/docs/swagger-ui-init.js"),
    "inside a page": ({"/docs": ("text/html", b"<script>" + HOLDING)}, "/docs"),
    "a page in its place": ({"/openapi.json": ("text/html", b"<html>openapi</html>"),
                             "/swagger.json": ("application/json", TEXT)}, "/swagger.json"),
}  # fmt: skip


@pytest.mark.parametrize(("pages", "source"), FOUND.values(), ids=FOUND.keys())
async def test_a_served_document_is_found(pages: dict[str, tuple[str, bytes]], source: str) -> None:
    """The document is found where frameworks serve it or where its page says it lies."""
    document = await find_document(serving(pages))

    assert document is not None
    assert document.source == source


async def test_a_document_in_the_repository_is_found(tmp_path: Path) -> None:
    """Without a served document, a file of the submission counts; a link out of it does not."""
    outside = tmp_path / "outside.json"
    outside.write_bytes(TEXT)
    folder = tmp_path / "submission"
    (folder / "docs").mkdir(parents=True)
    (folder / "openapi.json").symlink_to(outside)
    assert await find_document(serving({}), folder=folder) is None

    (folder / "docs" / "openapi.yaml").write_text(yaml.safe_dump(SMALL))
    document = await find_document(serving({}), folder=folder)

    assert document is not None
    assert document.source == "docs/openapi.yaml"


async def test_a_silent_service_is_not_asked_for_long() -> None:
    """A service that answers nothing is asked a few times, not sixty."""
    asked: list[str] = []

    async def probe(request: Request) -> Reply:
        asked.append(request.path)
        return reply_of(request, None)

    assert await find_document(probe) is None
    assert len(asked) <= 5
