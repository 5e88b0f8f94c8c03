"""The next page of a list is found however the list points to it."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from multidict import CIMultiDict, CIMultiDictProxy

from acidtest.catalogue.problem import Problem
from acidtest.core.evidence import HttpExchange
from acidtest.grader.client import Reply, Request
from acidtest.grader.dialect import Dialect, Offered

PACKAGE = Path(__file__).parents[4] / "catalogue/problems/book-reviews"


@pytest.fixture(scope="module")
def problem() -> Problem:
    """The Book Review problem as it is in the catalogue."""
    return Problem(**yaml.safe_load((PACKAGE / "problem.yaml").read_text()), folder=PACKAGE)


def reply_of(request: Request, value: Any, headers: dict[str, str]) -> Reply:
    """A page as the client would hand it over."""
    return Reply(
        request=request,
        exchange=HttpExchange(at=0.0, method=request.method, url=request.path),
        status=200,
        headers=CIMultiDictProxy(CIMultiDict(headers)),
        body=json.dumps(value).encode(),
    )


ITEMS = [{"id": 1, "title": "a"}, {"id": 2, "title": "b"}]
PAGES: dict[str, tuple[str, Any, dict[str, str], list[str], str | None]] = {
    "bare list": ("/books", ITEMS, {}, [], None),
    "link header": (
        "/books",
        ITEMS,
        {"Link": '</books?p=1>; rel="prev", <http://h/books?p=3>; rel="next"'},
        [],
        "/books?p=3",
    ),
    "link elsewhere": ("/books", ITEMS, {"Link": "<http://evil.example/x>; rel=next"}, [], "/x"),
    "next url": ("/b?x=1", {"items": ITEMS, "next": "/b?after=2"}, {}, [], "/b?after=2"),
    "django": (
        "/b/",
        {"count": 9, "next": "http://t/b/?page=2", "results": ITEMS},
        {},
        [],
        "/b/?page=2",
    ),
    "django, last": ("/b/", {"count": 2, "next": None, "results": ITEMS}, {}, [], None),
    "hal": (
        "/b",
        {"_embedded": {"books": ITEMS}, "_links": {"next": {"href": "/b?p=2"}}},
        {},
        [],
        "/b?p=2",
    ),
    "cursor": (
        "/b?limit=2",
        {"items": ITEMS, "next_cursor": "a/b="},
        {},
        [],
        "/b?limit=2&cursor=a%2Fb%3D",
    ),
    "cursor, other name": (
        "/b",
        {"items": ITEMS, "meta": {"nextCursor": "z"}},
        {},
        ["after"],
        "/b?after=z",
    ),
    "cursor, last": ("/b?cursor=q", {"items": ITEMS, "next_cursor": None}, {}, [], None),
    "has_more false": ("/b", {"items": ITEMS, "has_more": False, "next_cursor": "x"}, {}, [], None),
    "relay": (
        "/b",
        {"items": ITEMS, "pageInfo": {"hasNextPage": True, "endCursor": "e"}},
        {},
        ["after"],
        "/b?after=e",
    ),
    "page numbers": (
        "/b?page=1",
        {"data": ITEMS, "page": 1, "total_pages": 3},
        {},
        ["page"],
        "/b?page=2",
    ),
    "page numbers, last": (
        "/b?page=3",
        {"data": ITEMS, "page": 3, "total_pages": 3},
        {},
        ["page"],
        None,
    ),
    "page and total": (
        "/b",
        {"data": ITEMS, "page": 1, "limit": 2, "total": 5},
        {},
        [],
        "/b?page=2",
    ),
    "spring": (
        "/b",
        {"content": ITEMS, "number": 0, "totalPages": 2, "last": False},
        {},
        ["page", "size"],
        "/b?page=1",
    ),
    "spring, last": (
        "/b?page=1",
        {"content": ITEMS, "number": 1, "totalPages": 2, "last": True},
        {},
        [],
        None,
    ),
    "offset and total": (
        "/b?offset=2&limit=2",
        {"items": ITEMS, "total": 5},
        {},
        ["limit", "offset"],
        "/b?offset=4&limit=2",
    ),
    "offset, last": (
        "/b?offset=4",
        {"items": ITEMS[:1], "total": 5},
        {},
        ["limit", "offset"],
        None,
    ),
    "offset, full page": ("/b?limit=2", ITEMS, {}, ["limit", "skip"], "/b?limit=2&skip=2"),
    "offset, half page": ("/b?limit=3", ITEMS, {}, ["limit", "skip"], None),
    "offset, length unknown": ("/b/", ITEMS, {}, ["skip", "limit"], "/b/?skip=2"),
    "page, length unknown": ("/b", ITEMS, {}, ["page"], "/b?page=2"),
    "offset, nothing left": ("/b/?skip=2", [], {}, ["skip", "limit"], None),
    "page, full page": ("/b?limit=2&page=4", ITEMS, {}, ["limit", "page"], "/b?limit=2&page=5"),
    "empty": ("/b?page=9", {"data": [], "page": 9, "total_pages": 20}, {}, ["page"], None),
    "same again": ("/b?p=2", {"items": ITEMS, "next": "/b?p=2"}, {}, [], None),
    "hostile next": ("/b", {"items": ITEMS, "next": "http://[::1"}, {}, [], None),
}


@pytest.mark.parametrize(
    ("here", "value", "headers", "offered", "there"), PAGES.values(), ids=PAGES.keys()
)
def test_the_next_page_is_found(
    problem: Problem,
    here: str,
    value: Any,
    headers: dict[str, str],
    offered: list[str],
    there: str | None,
) -> None:
    """Whatever way a list points to its next page, the request for it is made, or none is."""
    spoken = Dialect.canonical(problem)
    spoken.offered["list_books"] = Offered.among(offered)

    following = spoken.page("list_books", reply_of(Request("GET", here), value, headers))

    assert (following.target if following else None) == there


def test_parameters_are_known_by_meaning() -> None:
    """Limits, cursors, offsets and pages are told apart by what their names mean."""
    assert Offered.among(["pageSize", "pageToken"]) == Offered(limit="pageSize", cursor="pageToken")
    assert Offered.among(["per_page", "page"]) == Offered(limit="per_page", page="page")
    assert Offered.among(["genre"]) == Offered()
    assert not Offered.among(["limit"]).any


SHOWN: dict[str, tuple[Any, Offered]] = {
    "a bare list": (ITEMS, Offered()),
    "an envelope": ({"items": ITEMS, "total": 2}, Offered()),
    "a cursor": ({"items": [], "next_cursor": None}, Offered(cursor="cursor")),
    "pages": (
        {"data": ITEMS, "meta": {"page": 1, "perPage": 20, "total_pages": 1}},
        Offered(limit="perPage", page="page"),
    ),
    "an offset": (
        {"items": ITEMS, "limit": 20, "offset": 0, "total": 2},
        Offered(limit="limit", offset="offset"),
    ),
    "spring": (
        {"content": [], "number": 0, "size": 20, "totalPages": 0},
        Offered(limit="size", page="page"),
    ),
}


@pytest.mark.parametrize(("value", "expected"), SHOWN.values(), ids=SHOWN.keys())
def test_pages_show_what_they_offer(value: Any, expected: Offered) -> None:
    """Where no document tells, the body of a page says which way it is walked."""
    assert Offered.shown_by(value) == expected
