import httpx
import pytest
import redis.asyncio

from acidkit.cache import CacheAside
from acidkit.testing import Instance, Start, at_once

pytestmark = pytest.mark.lab

BOOK = {"title": "T", "author": "A"}


async def miss_then_hit(service: Instance, raw: redis.asyncio.Redis) -> list[int]:
    """List the books twice from a cold cache; return how many statements each time took."""
    await service.client.post("/books", json=BOOK)
    await raw.flushall()
    counts = []
    for _ in range(2):
        service.statements.clear()
        answer = await service.client.get("/books")
        assert [book["title"] for book in answer.json()["items"]] == ["T"]
        counts.append(len(service.statements))
    return counts


async def test_miss_reads_once_and_populates(service: Instance, raw: redis.asyncio.Redis) -> None:
    """On a miss one statement is sent and the cache is filled with an expiry; a hit sends none."""
    assert await miss_then_hit(service, raw) == [1, 0]
    keys = await raw.keys("*:entry:*")
    assert len(keys) == 1
    assert 0 < await raw.pttl(keys[0]) <= 30_000


async def test_the_miss_test_can_fail(
    service: Instance, raw: redis.asyncio.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the step that populates the cache, the test above would see it."""

    async def nothing(*_: object) -> None:
        return

    monkeypatch.setattr(CacheAside, "_fill", nothing)
    assert await miss_then_hit(service, raw) == [1, 1]


async def test_every_instance_sees_a_write_at_once(start: Start) -> None:
    """What one instance stored is in the very next list of another, books and reviews alike."""
    async with start() as one, start() as two:
        for number in range(1, 6):
            await two.client.get("/books")
            book = (await one.client.post("/books", json=BOOK)).json()
            listed = (await two.client.get("/books")).json()["items"]
            assert len(listed) == number
            assert listed[0]["id"] == book["id"]
            await one.client.post(
                f"/books/{book['id']}/reviews", json={"reviewer": "r", "rating": 3}
            )
            assert (await two.client.get("/books")).json()["items"][0]["review_count"] == 1


@pytest.mark.parametrize("poison", ["garbage", "{}", "", '{"items": [{"id": 1}]}', "list"])
async def test_poisoned_entry_is_a_miss(
    service: Instance, raw: redis.asyncio.Redis, poison: str
) -> None:
    """An entry that cannot be read is answered from the database and then replaced."""
    await service.client.post("/books", json=BOOK)
    expected = (await service.client.get("/books")).json()
    version = (await raw.get((await raw.keys("*:version"))[0])) or b""
    assert isinstance(version, bytes)
    (key,) = await raw.keys("*:entry:*")
    await raw.delete(key)
    if poison == "list":
        await raw.rpush(key, "x")
    else:
        await raw.set(key, version + poison.encode())
    for _ in range(2):
        assert (await service.client.get("/books")).json() == expected
    service.statements.clear()
    await service.client.get("/books")
    assert service.statements == []


async def test_crowd_does_not_compute_the_list_each(start: Start, raw: redis.asyncio.Redis) -> None:
    """When the list is gone and two hundred requests meet, no instance computes it thrice."""
    async with start() as one, start() as two:
        await one.client.post("/books", json=BOOK)
        await raw.flushall()
        one.statements.clear()
        two.statements.clear()
        clients = [one.client, two.client]
        answers: list[httpx.Response] = await at_once(
            200, lambda number: clients[number % 2].get("/books")
        )
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.text for answer in answers}) == 1
        # One in the ordinary case; a busy machine may make an instance help itself.
        assert max(len(one.statements), len(two.statements)) <= 2


async def test_list_costs_the_same_however_long(service: Instance) -> None:
    """Lists of books and of reviews send one statement, with one item or with fifty."""
    book = (await service.client.post("/books", json=BOOK)).json()["id"]
    for size in (1, 50):
        for _ in range(size):
            await service.client.post("/books", json=BOOK)
            await service.client.post(f"/books/{book}/reviews", json={"reviewer": "r", "rating": 3})
        for path in ("/books", f"/books/{book}/reviews"):
            service.statements.clear()
            await service.client.get(path)
            assert len(service.statements) == 1, path
