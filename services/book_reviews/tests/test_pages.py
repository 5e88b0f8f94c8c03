import httpx
import pytest

from acidkit.testing import Instance, PostgresServer

pytestmark = pytest.mark.lab

BOOK = {"title": "T", "author": "A"}


async def walk(client: httpx.AsyncClient, path: str, *, between: bool = False) -> list[int]:
    """Follow the links from the first page to the last; return every id."""
    found: list[int] = []
    url: str | None = f"{path}?limit=7"
    while url:
        answer = await client.get(url)
        body = answer.json()
        found += [item["id"] for item in body["items"]]
        url = answer.links.get("next", {}).get("url")
        assert (url is None) == (body["next_cursor"] is None)
        if between:
            await client.post("/books", json=BOOK)
    return found


async def test_walk_gives_every_book_once(
    service: Instance, database_url: str, postgres_server: PostgresServer
) -> None:
    """Books of one moment are neither skipped nor repeated while others are added."""
    postgres_server.run(
        "INSERT INTO books (title, author) SELECT 'T', 'A' FROM generate_series(1, 60)",
        url=database_url,
    )
    assert await walk(service.client, "/books", between=True) == list(range(60, 0, -1))


async def test_walk_gives_every_review_once(
    service: Instance, database_url: str, postgres_server: PostgresServer
) -> None:
    """Reviews of one moment are neither skipped nor repeated, and a page costs one statement."""
    book = (await service.client.post("/books", json=BOOK)).json()["id"]
    postgres_server.run(
        "INSERT INTO reviews (book_id, reviewer, rating)"
        " SELECT id, 'r', 3 FROM books, generate_series(1, 30)",
        url=database_url,
    )
    service.statements.clear()
    assert await walk(service.client, f"/books/{book}/reviews") == list(range(30, 0, -1))
    assert len(service.statements) == 5


@pytest.mark.parametrize("query", ["limit=0", "limit=-1", "limit=x", "limit=1.5", "cursor=abc"])
async def test_senseless_page_is_refused(client: httpx.AsyncClient, query: str) -> None:
    """A page size or cursor that makes no sense is a client's mistake."""
    assert (await client.get(f"/books?{query}")).status_code in {400, 422}


async def test_large_wish_is_granted_in_part(client: httpx.AsyncClient) -> None:
    """A page size above the largest is answered with the largest."""
    assert (await client.get("/books?limit=1000000000")).status_code == 200


async def test_cursor_belongs_to_its_list(client: httpx.AsyncClient) -> None:
    """A cursor of the books, or of another book's reviews, is refused."""
    for _ in range(2):
        book = (await client.post("/books", json=BOOK)).json()["id"]
    cursor = (await client.get("/books?limit=1")).json()["next_cursor"]
    answer = await client.get(f"/books/{book}/reviews?cursor={cursor}")
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_cursor")


def test_reviews_are_found_through_the_index(
    database_url: str, postgres_server: PostgresServer
) -> None:
    """With many reviews, a page of one book's reads its own rows through the index, unsorted."""
    postgres_server.run(
        "INSERT INTO books (title, author) SELECT 'T', 'A' FROM generate_series(1, 100)",
        url=database_url,
    )
    postgres_server.run(
        "INSERT INTO reviews (book_id, reviewer, rating)"
        " SELECT n % 100 + 1, 'r', 3 FROM generate_series(1, 50000) AS n",
        url=database_url,
    )
    postgres_server.run("ANALYZE reviews", url=database_url)
    plan = postgres_server.run(
        "EXPLAIN SELECT * FROM reviews WHERE book_id = 5 AND (created_at, id) < (now(), 40000)"
        " ORDER BY created_at DESC, id DESC LIMIT 101",
        url=database_url,
    )
    assert "Index Scan using reviews_book_newest_idx" in plan
    assert "Sort" not in plan
