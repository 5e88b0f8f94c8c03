import asyncio

import httpx
import pytest

from acidkit.testing import Instance, PostgresServer, Start, at_once

pytestmark = pytest.mark.lab

DELETE = "DELETE FROM books WHERE id = {}"
BOOK = {"title": "T", "author": "A"}


async def test_one_isbn_one_book(start: Start) -> None:
    """Of many simultaneous posts of one ISBN at two instances one is stored, the others are 409."""
    async with start() as one, start() as two:
        clients = [one.client, two.client]
        for isbn in ("9780140275360", "9780140275361"):
            book = {**BOOK, "isbn": isbn}

            async def post(number: int, book: dict[str, str] = book) -> httpx.Response:
                return await clients[number % 2].post("/books", json=book)

            answers = await at_once(20, post)
            assert sorted(answer.status_code for answer in answers) == [201] + [409] * 19
        assert len((await one.client.get("/books")).json()["items"]) == 2


async def test_vanishing_book_is_not_found(
    service: Instance, database_url: str, postgres_server: PostgresServer
) -> None:
    """A book that goes while reviews for it come leads to 201 or 404, never to a crash."""
    for _ in range(5):
        book = (await service.client.post("/books", json=BOOK)).json()["id"]
        path = f"/books/{book}/reviews"
        delete = asyncio.to_thread(postgres_server.run, DELETE.format(book), url=database_url)
        async with asyncio.TaskGroup() as group:
            posts = [
                group.create_task(
                    service.client.post(path, json={"reviewer": "r", "rating": number % 5 + 1})
                )
                for number in range(20)
            ]
            group.create_task(delete)
        assert {post.result().status_code for post in posts} <= {201, 404}
        assert (await service.client.get(path)).status_code == 404


async def test_summary_counts_every_simultaneous_review(start: Start) -> None:
    """Reviews that arrive at once at two instances are all in the count and the average."""
    async with start() as one, start() as two:
        book = (await one.client.post("/books", json=BOOK)).json()["id"]
        clients = [one.client, two.client]
        answers = await at_once(
            40,
            lambda number: clients[number % 2].post(
                f"/books/{book}/reviews", json={"reviewer": "r", "rating": number % 5 + 1}
            ),
        )
        assert {answer.status_code for answer in answers} == {201}
        listed = (await two.client.get("/books")).json()["items"][0]
        assert (listed["review_count"], listed["average_rating"]) == (40, 3.0)


async def test_no_list_is_older_than_an_answered_write(start: Start) -> None:
    """While books are added at two instances, every list holds what was answered before it."""
    async with start() as one, start() as two:
        clients = [one.client, two.client]
        answered: set[int] = set()

        async def write(number: int) -> None:
            for _ in range(15):
                answer = await clients[number % 2].post("/books", json=BOOK)
                answered.add(answer.json()["id"])

        async def read(number: int) -> None:
            for _ in range(40):
                least = set(answered)
                listed = (await clients[number % 2].get("/books")).json()["items"]
                assert least <= {book["id"] for book in listed}

        await at_once(8, lambda number: read(number) if number < 5 else write(number))
        for client in clients:
            listed = (await client.get("/books")).json()["items"]
            assert {book["id"] for book in listed} == answered
