from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.lab

GOOD = {"title": "The Iliad", "author": "Homer", "isbn": "9780140275360", "published_year": 1990}

REFUSED: list[dict[str, Any]] = [
    {"title": None},
    {"title": ""},
    {"title": " \t\u00a0"},
    {"title": "x" * 256},
    {"title": 5},
    {"title": ["x"]},
    {"title": "a\0b"},
    {"author": None},
    {"author": ""},
    {"author": "   "},
    {"author": "y" * 256},
    {"isbn": ""},
    {"isbn": "978014027536"},
    {"isbn": "97801402753601"},
    {"isbn": "978014027536X"},
    {"isbn": "9780140275360\n"},
    {"isbn": "٩٧٨٠١٤٠٢٧٥٣٦٠"},
    {"isbn": 9780140275360},
    {"published_year": 0},
    {"published_year": 10000},
    {"published_year": -5},
    {"published_year": "1990"},
    {"published_year": 1990.5},
    {"published_year": True},
    {"published_year": 10**30},
]

ACCEPTED: list[dict[str, Any]] = [
    {"title": "x"},
    {"title": "x" * 255},
    {"title": "  spaces stay  "},
    {"title": "書物 📚 e\u0301 \u200f '; DROP TABLE books; --"},
    {"author": "\U0001d4b3" * 255},
    {"isbn": None},
    {"published_year": None},
    {"published_year": 1},
    {"published_year": 9999},
]


async def test_book_is_stored_and_shown(client: httpx.AsyncClient) -> None:
    """A new book is answered whole, with an address where it can be read again."""
    answer = await client.post("/books", json=GOOD)
    book = answer.json()
    assert answer.status_code == 201
    assert {name: book[name] for name in GOOD} == GOOD
    assert (book["review_count"], book["average_rating"]) == (0, None)
    assert book["created_at"].endswith("Z")
    assert (await client.get(answer.headers["location"])).json() == book
    assert (await client.get("/books")).json() == {"items": [book], "next_cursor": None}


async def test_only_title_and_author_are_needed(client: httpx.AsyncClient) -> None:
    """What is optional may be left out and is null then."""
    book = (await client.post("/books", json={"title": "T", "author": "A"})).json()
    assert (book["isbn"], book["published_year"]) == (None, None)


@pytest.mark.parametrize("change", REFUSED, ids=repr)
async def test_broken_rule_changes_nothing(
    client: httpx.AsyncClient, change: dict[str, Any]
) -> None:
    """A book that breaks a rule is refused with the place of the mistake, and not stored."""
    answer = await client.post("/books", json={**GOOD, **change})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == f"#/{next(iter(change))}"
    assert (await client.get("/books")).json()["items"] == []


@pytest.mark.parametrize("change", ACCEPTED, ids=lambda change: repr(change)[:30])
async def test_edge_of_a_rule_is_kept_exactly(
    client: httpx.AsyncClient, change: dict[str, Any]
) -> None:
    """A value at the edge of a rule is accepted and comes back as it was sent."""
    answer = await client.post("/books", json={**GOOD, **change})
    assert answer.status_code == 201
    listed = (await client.get("/books")).json()["items"][0]
    for name, value in {**GOOD, **change}.items():
        assert answer.json()[name] == listed[name] == value


@pytest.mark.parametrize("body", [b"{", b"[]", b"null", b'{"title": "\\ud800", "author": "a"}'])
async def test_body_that_is_no_book_is_refused(client: httpx.AsyncClient, body: bytes) -> None:
    """What is not a JSON object with text in it is a client's mistake."""
    answer = await client.post("/books", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in {400, 422}


async def test_isbn_is_unique(client: httpx.AsyncClient) -> None:
    """A second book with the same ISBN is a conflict; two without one are not."""
    assert (await client.post("/books", json=GOOD)).status_code == 201
    again = await client.post("/books", json={**GOOD, "title": "Another"})
    assert (again.status_code, again.json()["code"]) == (409, "isbn_taken")
    for _ in range(2):
        assert (await client.post("/books", json={**GOOD, "isbn": None})).status_code == 201


@pytest.mark.parametrize("path", ["abc", "-1", "0", "1.0", "%201", "9" * 21, "9" * 5000, "1%00"])
@pytest.mark.parametrize("suffix", ["", "/reviews"])
async def test_id_that_cannot_exist_is_refused(
    client: httpx.AsyncClient, path: str, suffix: str
) -> None:
    """A malformed id is a client's mistake on every route."""
    assert (await client.get(f"/books/{path}{suffix}")).status_code == 422


async def test_unknown_book_is_not_found(client: httpx.AsyncClient) -> None:
    """An id that could exist and does not is 404, up to the largest one."""
    for number in (1, 2**63 - 1):
        answer = await client.get(f"/books/{number}")
        assert (answer.status_code, answer.json()["code"]) == (404, "book_not_found")
