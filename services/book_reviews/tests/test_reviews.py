from typing import Any

import httpx
import pytest

from acidkit.testing import PostgresServer

pytestmark = pytest.mark.lab

GOOD = {"reviewer": "Ada", "rating": 4, "comment": "Sing, goddess.\nOf rage. 🏛"}


async def book(client: httpx.AsyncClient) -> int:
    """Store a book and return its id."""
    answer = await client.post("/books", json={"title": "T", "author": "A"})
    return int(answer.json()["id"])


async def test_review_is_stored_and_shown(client: httpx.AsyncClient) -> None:
    """A new review is answered whole and is in the list of its book and of no other."""
    one, two = await book(client), await book(client)
    answer = await client.post(f"/books/{one}/reviews", json=GOOD)
    review = answer.json()
    assert answer.status_code == 201
    assert {**GOOD, "book_id": one} == {name: review[name] for name in [*GOOD, "book_id"]}
    assert (await client.get(f"/books/{one}/reviews")).json()["items"] == [review]
    assert (await client.get(f"/books/{two}/reviews")).json()["items"] == []


async def test_unknown_book_has_no_reviews(
    client: httpx.AsyncClient, database_url: str, postgres_server: PostgresServer
) -> None:
    """Reading and writing reviews of a book that does not exist is 404, and stores nothing."""
    for answer in (
        await client.get("/books/77/reviews"),
        await client.post("/books/77/reviews", json=GOOD),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "book_not_found")
    assert postgres_server.run("SELECT count(*) FROM reviews", url=database_url) == "0"


@pytest.mark.parametrize(
    "change",
    [
        {"reviewer": None},
        {"reviewer": ""},
        {"reviewer": "  "},
        {"reviewer": "x" * 101},
        {"reviewer": "a\0"},
        {"rating": None},
        {"rating": 0},
        {"rating": 6},
        {"rating": -1},
        {"rating": 4.5},
        {"rating": "4"},
        {"rating": True},
        {"comment": 5},
        {"comment": "x" * 5001},
        {"comment": "\0"},
    ],
    ids=lambda change: repr(change)[:30],
)
async def test_broken_rule_changes_nothing(
    client: httpx.AsyncClient, change: dict[str, Any]
) -> None:
    """A review that breaks a rule is refused with the place of the mistake, and not stored."""
    number = await book(client)
    answer = await client.post(f"/books/{number}/reviews", json={**GOOD, **change})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == f"#/{next(iter(change))}"
    assert (await client.get(f"/books/{number}/reviews")).json()["items"] == []


@pytest.mark.parametrize(
    "change",
    [
        {"reviewer": "x"},
        {"reviewer": "é" * 100},
        {"rating": 1},
        {"rating": 5},
        {"comment": None},
        {"comment": ""},
        {"comment": "y" * 5000},
    ],
    ids=lambda change: repr(change)[:30],
)
async def test_edge_of_a_rule_is_kept_exactly(
    client: httpx.AsyncClient, change: dict[str, Any]
) -> None:
    """A value at the edge of a rule is accepted and comes back as it was sent."""
    number = await book(client)
    answer = await client.post(f"/books/{number}/reviews", json={**GOOD, **change})
    assert answer.status_code == 201
    listed = (await client.get(f"/books/{number}/reviews")).json()["items"][0]
    for name, value in {**GOOD, **change}.items():
        assert listed[name] == value


async def test_summary_of_a_book_is_true(
    client: httpx.AsyncClient, database_url: str, postgres_server: PostgresServer
) -> None:
    """Count and average follow every way in which reviews come, change and go."""
    number = await book(client)
    for rating in (5, 4, 4):
        await client.post(f"/books/{number}/reviews", json={**GOOD, "rating": rating})
        listed = (await client.get("/books")).json()["items"][0]
    assert (listed["review_count"], round(listed["average_rating"], 4)) == (3, 4.3333)
    for statement, count, average in [
        ("UPDATE reviews SET rating = 1 WHERE rating = 5", 3, 3.0),
        ("DELETE FROM reviews WHERE rating = 1", 2, 4.0),
        (
            (
                "INSERT INTO reviews (book_id, reviewer, rating)"
                " SELECT id, 'bulk', 1 FROM books, generate_series(1, 2)"
            ),
            4,
            2.5,
        ),
        ("TRUNCATE reviews", 0, None),
    ]:
        postgres_server.run(statement, url=database_url)
        shown = (await client.get(f"/books/{number}")).json()
        assert (shown["review_count"], shown["average_rating"]) == (count, average)
