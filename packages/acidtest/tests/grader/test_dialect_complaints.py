"""Error answers name fields in many shapes, and each is understood."""

import json
from typing import Any

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from acidtest.core.evidence import HttpExchange
from acidtest.grader.client import Reply, Request
from acidtest.grader.dialect.complaints import complaints


def refusal(value: Any) -> Reply:
    """A refusal with this body, as the client would hand it over."""
    return Reply(
        request=Request("POST", "/"),
        exchange=HttpExchange(at=0.0, method="POST", url="/"),
        status=400,
        headers=CIMultiDictProxy(CIMultiDict()),
        body=value.encode() if isinstance(value, str) else json.dumps(value).encode(),
    )


SAID: dict[str, tuple[Any, set[tuple[str, bool]]]] = {
    "fastapi": (
        {"detail": [{"type": "missing", "loc": ["body", "title"], "msg": "Field required"}]},
        {("title", False)},
    ),
    "fastapi, extra": (
        {
            "detail": [
                {
                    "type": "extra_forbidden",
                    "loc": ["body", "x"],
                    "msg": "Extra inputs are not permitted",
                }
            ]
        },
        {("x", True)},
    ),
    "pointer": ({"errors": [{"pointer": "/title", "detail": "required"}]}, {("title", False)}),
    "json:api": (
        {"errors": [{"source": {"pointer": "/data/attributes/title"}, "detail": "must be set"}]},
        {("title", False)},
    ),
    "zod": (
        {
            "error": {
                "issues": [
                    {
                        "code": "unrecognized_keys",
                        "keys": ["a", "b"],
                        "path": [],
                        "message": "Unrecognized key(s)",
                    }
                ]
            }
        },
        {("a", True), ("b", True)},
    ),
    "zod, flat": (
        {"errors": {"fieldErrors": {"title": ["Required field"]}, "formErrors": []}},
        {("title", False)},
    ),
    "nest": (
        {"message": ["property text should not exist", "author must be a string"]},
        {("text", True), ("author", False)},
    ),
    "joi": (
        {"details": [{"message": '"text" is not allowed', "path": ["text"]}]},
        {("text", True)},
    ),
    "joi, empty": (
        {"details": [{"message": '"title" is not allowed to be empty', "path": ["title"]}]},
        {("title", False)},
    ),
    "django": ({"title": ["This field is required."]}, {("title", False)}),
    "sentence": ({"error": "title and author are required"}, {("title", False), ("author", False)}),
    "list": ("Missing required fields: title, author", {("title", False), ("author", False)}),
    "nothing": ({"error": "Bad Request"}, set()),
    "prose": ({"message": "The request body must be JSON. Validation failed"}, set()),
}


@pytest.mark.parametrize(("value", "expected"), SAID.values(), ids=SAID.keys())
def test_complaints_are_understood(value: Any, expected: set[tuple[str, bool]]) -> None:
    """The fields an error names are read from it, and whether they are unwanted."""
    found = complaints(refusal(value), known={"title", "author"})

    assert {(c.name, c.unknown) for c in found} == expected
