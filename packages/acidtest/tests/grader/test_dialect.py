"""Encoding, decoding, overrides, and services that cannot be understood."""

import asyncio
import contextlib
import functools
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from acidtest.catalogue.problem import Problem
from acidtest.core.errors import SubmissionError
from acidtest.core.evidence import HttpExchange
from acidtest.grader.client import Reply, Request, Trouble
from acidtest.grader.contract import OpenApiDocument
from acidtest.grader.dialect import DecodeError, Dialect, discover
from acidtest.grader.dialect.complaints import complaints
from acidtest.grader.dialect.routes import candidates
from acidtest.grader.dialect.spoken import Extra, Word

RELAXED = settings(deadline=None)
"""A loaded machine says nothing about what is tested."""
PACKAGE = Path(__file__).parents[4] / "catalogue/problems/book-reviews"


@pytest.fixture
def problem() -> Problem:
    """The Book Review problem as it is in the catalogue."""
    return problem_of("lenient")


@functools.cache
def problem_of(contract: str) -> Problem:
    """The problem with another contract."""
    data = yaml.safe_load((PACKAGE / "problem.yaml").read_text())
    return Problem(**{**data, "contract": contract}, folder=PACKAGE)


def reply_of(request: Request, status: int | None, value: Any = None, **headers: str) -> Reply:
    """A reply as the client would make it."""
    return Reply(
        request=request,
        exchange=HttpExchange(at=0.0, method=request.method, url=request.path),
        status=status,
        error=None if status is not None else Trouble.TIMEOUT,
        headers=CIMultiDictProxy(CIMultiDict(headers)),
        body=value.encode() if isinstance(value, str) else json.dumps(value).encode(),
    )


# Words -----------------------------------------------------------------------------------------

SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=8)
CANONICAL = st.dictionaries(
    st.sampled_from(["title", "author", "isbn", "published_year"]) | st.text(max_size=6), SCALARS
)


@RELAXED
@given(canonical=CANONICAL, names=st.permutations(["aa", "bb", "cc", "title"]))
def test_what_is_encoded_is_decoded(canonical: dict[str, Any], names: list[str]) -> None:
    """Whatever the service's names, a body said in canonical names reads back the same."""
    spoken = Dialect.canonical(problem_of("strict"))
    known = spoken.vocabulary["book"]
    for name, theirs in zip(("title", "author", "isbn", "published_year"), names, strict=True):
        known[name] = Word(theirs, (theirs,))

    body = spoken.encode("book", canonical)
    read = spoken.decode_one("create_book", {**body, "id": 1})

    for name in ("title", "author", "isbn", "published_year"):
        if name in canonical:
            assert read[name] == canonical[name]
    own = {n for n in canonical if n not in known}
    assert all(body[n] == canonical[n] for n in own - set(names))


def test_absent_and_null_stay_what_they_are(problem: Problem) -> None:
    """A field left out stays out, a null stays null, an unknown one is sent as it is."""
    spoken = Dialect.canonical(problem)
    spoken.extras["book"] = {"shelf": Extra("A1"), "slug": Extra("some-slug", unique=True)}

    body = spoken.encode("book", {"title": None, "evil": 1, "shelf": "B2"})

    assert body == {"title": None, "evil": 1, "shelf": "B2", "slug": "some-slug1"}
    assert spoken.encode("book", {})["slug"] == "some-slug2"


def test_paths_are_percent_encoded(problem: Problem) -> None:
    """An id cannot leave its place in the path."""
    path = Dialect.canonical(problem).path("list_reviews", book_id="a/../b?c#d e\0ü")

    assert path == "/books/a%2F..%2Fb%3Fc%23d%20e%00%C3%BC/reviews"


def test_a_name_belongs_to_the_field_it_is_first_for(problem: Problem) -> None:
    """`author` is the reviewer of a review only where there is no `reviewer`."""
    spoken = Dialect.canonical(problem)

    both = spoken.decode_one("create_review", {"id": 1, "reviewer": "r", "author": "a"})
    one = spoken.decode_one("create_review", {"id": 1, "author": "a", "book": {"id": 7}})

    assert both["reviewer"] == "r"
    assert (one["reviewer"], one["book_id"]) == ("a", 7)


@pytest.mark.parametrize(
    "value", [None, 1, "x", [1], ["x"], {"a": 1}, {"items": None}, {"items": [1]}, True]
)
def test_an_answer_without_a_list_says_what_was_seen(problem: Problem, value: Any) -> None:
    """Where a list is expected and there is none, the error names the operation and the sight."""
    with pytest.raises(DecodeError, match="list_books should answer with a list") as caught:
        Dialect.canonical(problem).decode_many("list_books", value)

    assert caught.value.seen


@pytest.mark.parametrize("value", [None, 1, "x", [], [{"id": 1}]])
def test_an_answer_without_an_object_says_what_was_seen(problem: Problem, value: Any) -> None:
    """Where an object is expected and there is none, the error names the operation."""
    with pytest.raises(DecodeError, match="create_book should answer with an object"):
        Dialect.canonical(problem).decode_one("create_book", value)


JSON = st.recursive(
    SCALARS | st.floats(allow_nan=False),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["data", "items", "book", "id", "attributes", "next", "page", "total"])
            | st.text(max_size=4),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@RELAXED
@given(value=JSON)
def test_no_answer_breaks_the_reader(value: Any) -> None:
    """Whatever JSON a service answers with is read, or refused with `DecodeError`."""
    spoken = Dialect.canonical(problem_of("lenient"))
    for operation in ("list_books", "create_book"):
        with contextlib.suppress(DecodeError):
            assert spoken.decode(operation, value) is not None
        spoken.page(operation, reply_of(Request("GET", "/books"), 200, value))
    complaints(reply_of(Request("POST", "/books"), 400, value))


# Overrides -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({"path": {}}, "did you mean 'paths'"),
        ({"paths": {"create_bok": "/x"}}, "did you mean 'create_book'"),
        ({"paths": {"create_book": "books"}}, "begins with a slash"),
        ({"paths": {"create_book": "FETCH /books"}}, "'FETCH' is not one of"),
        ({"paths": {"list_reviews": "/reviews"}}, "same parameters"),
        ({"paths": {"create_book": 1}}, "must be a text"),
        ({"paths": []}, "must be a table"),
        ({"fields": {"books": {}}}, "did you mean 'book'"),
        ({"fields": {"review": {"coment": "x"}}}, "did you mean 'comment'"),
        ({"fields": {"review": {"comment": ["x"]}}}, "must be a text"),
        ({"envelopes": {"list_bok": "data"}}, "did you mean 'list_books'"),
        ({"extra": {"tome": {}}}, "knows no 'tome'"),
        ({"extra": {"book": 1}}, "must be a table"),
    ],
)
async def test_a_wrong_override_is_explained(
    problem: Problem, table: dict[str, Any], told: str
) -> None:
    """What `acidtest.toml` gets wrong is said with its place and what may have been meant."""

    async def probe(request: Request) -> Reply:
        return reply_of(request, 500)

    with pytest.raises(SubmissionError, match=r"acidtest\.toml") as caught:
        await discover(problem, overrides=table, openapi=None, probe=probe)

    assert told in str(caught.value)


# Services that cannot be understood --------------------------------------------------------------


@pytest.mark.parametrize("status", [None, 200, 201, 204, 301, 401, 403, 404, 405, 422, 500, 503])
@pytest.mark.parametrize("value", [None, "", "<html>", [], {}, {"id": 1}, [[]], {"detail": "x"}])
async def test_junk_never_breaks_discovery(
    problem: Problem, status: int | None, value: Any
) -> None:
    """A service that answers everything alike ends discovery soon, without an exception."""
    asked = 0

    async def probe(request: Request) -> Reply:
        nonlocal asked
        asked += 1
        return reply_of(request, status, value, Location=f"{request.path}/")

    spoken = await discover(problem, overrides={}, openapi=None, probe=probe)

    assert asked < 400
    assert spoken.mapping()
    assert spoken.path("list_reviews", book_id=1)
    if status in {None, 404, 405, 301}:
        assert {"create_book"} <= {m.subject for m in spoken.mismatches}


async def test_a_mismatch_names_what_was_tried(problem: Problem) -> None:
    """What is not found is reported with the paths that were tried."""

    async def probe(request: Request) -> Reply:
        return reply_of(request, 404, {"detail": "Not Found"})

    spoken = await discover(problem, overrides={}, openapi=None, probe=probe)

    [lost] = [m for m in spoken.mismatches if m.subject == "list_books"]
    assert {"/books", "/api/books", "/api/v1/books", "/books/", "/book"} <= set(lost.tried)


async def test_a_strict_problem_accepts_only_its_own_names() -> None:
    """Under a strict contract other paths are not even tried."""
    asked: set[str] = set()

    async def probe(request: Request) -> Reply:
        asked.add(request.path)
        return reply_of(request, 404)

    spoken = await discover(problem_of("strict"), overrides={}, openapi=None, probe=probe)

    assert asked == {"/books"}
    assert {"list_books", "create_book"} <= {m.subject for m in spoken.mismatches}


async def test_discovery_ends_at_its_deadline(problem: Problem) -> None:
    """A service so slow that discovery would take for ever costs the deadline, and it is said."""

    async def probe(request: Request) -> Reply:
        await asyncio.Event().wait()
        return reply_of(request, 404)

    spoken = await discover(problem, overrides={}, openapi=None, probe=probe, deadline=0.05)

    assert any("took more than" in m.reason for m in spoken.mismatches)


def test_an_operation_is_found_by_its_id() -> None:
    """A path nobody would guess is found when the document gives the operation its name."""
    document = OpenApiDocument.parse(
        b"openapi: 3.1.0\npaths: {/library/volumes: {post: {operationId: createBook}}}",
        source="x",
    )
    spec = problem_of("lenient").operations["create_book"]

    assert candidates("create_book", spec, openapi=document)[0].template == "/library/volumes"
