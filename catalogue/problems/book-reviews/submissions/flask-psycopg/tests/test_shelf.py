"""The cached list with a real PostgreSQL and a real Redis, which are emptied."""

import json
import threading
import time

import pytest
import redis

from bookshelf.cache import Cache
from bookshelf.database import Database
from bookshelf.revision import Revision, listen
from bookshelf.shelf import Page, Shelf, _encode
from bookshelf.store import Store
from migrate import migrate

NOBODY_LISTENS = "redis://127.0.0.1:1/0"


class CountingStore(Store):
    """Counts how often the list was read in the database."""

    asked = 0

    def books(self):
        self.asked += 1
        return super().books()


@pytest.fixture
def client(servers):
    with redis.Redis.from_url(servers[1]) as client:
        client.flushdb()
        yield client


@pytest.fixture
def instance(servers, client):
    """Makes instances of the service below HTTP, all on the same servers."""
    migrate(servers[0])
    database = Database(servers[0])
    database.rows("DELETE FROM books RETURNING 1")

    def make(cache_url=servers[1]):
        revision = Revision()
        listen(servers[0], revision)
        store = CountingStore(database)
        return Shelf(store, Cache(cache_url), revision), store

    yield make
    database.close()


def titles(shelf):
    return [book["title"] for book in json.loads(shelf.list())]


def add(shelf, title):
    return shelf.add({"title": title, "author": "a", "isbn": None, "published_year": None})


def test_migrating_again_changes_nothing(servers):
    migrate(servers[0])

    assert migrate(servers[0]) == []


def test_a_miss_reads_the_database_and_fills_the_cache_and_a_hit_reads_only_the_cache(instance, client):
    shelf, store = instance()
    add(shelf, "Emma")

    assert titles(shelf) == ["Emma"]
    assert store.asked == 1
    assert all(client.pttl(key) > 0 for key in client.keys())
    assert titles(shelf) == titles(instance()[0]) == ["Emma"]
    assert store.asked == 1


def test_many_who_miss_together_share_one_reading(instance):
    shelf, store = instance()
    threads = [threading.Thread(target=shelf.list) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert store.asked <= 2


def test_a_book_is_in_the_next_list_of_another_instance(instance):
    (writer, _), (reader, _) = instance(), instance()
    titles(reader)
    add(writer, "Persuasion")

    assert titles(reader) == ["Persuasion"]


def test_an_old_list_that_is_stored_late_is_not_served(instance, client):
    shelf, store = instance()
    old = store.books().revision
    add(shelf, "Emma")
    client.set("shelf:list", _encode(Page(old, "[]")), ex=60)

    assert titles(shelf) == titles(instance()[0]) == ["Emma"]


@pytest.mark.parametrize("garbage", ["", "not json", "[]", "[1]", '[1, "", "[]"]', "[" * 100_000])
def test_an_entry_that_cannot_be_read_is_a_miss_and_is_replaced(instance, client, garbage):
    shelf, store = instance()
    add(shelf, "Emma")
    client.set("shelf:list", garbage, ex=60)

    assert titles(shelf) == titles(shelf) == ["Emma"]
    assert store.asked == 1


def test_garbage_in_place_of_the_announced_revision_heals(instance, client):
    shelf, store = instance()
    add(shelf, "Emma")
    client.set("shelf:revision", "999999999")
    titles(shelf)
    asked = store.asked

    assert titles(shelf) == ["Emma"]
    assert store.asked == asked


def test_without_a_cache_the_database_answers_soon(instance):
    shelf, _ = instance(NOBODY_LISTENS)
    began = time.monotonic()
    add(shelf, "Emma")

    assert titles(shelf) == ["Emma"]
    assert time.monotonic() - began < 1


def test_a_book_that_redis_was_not_told_of_is_not_missed_by_others(instance):
    reader, _ = instance()
    titles(reader)
    add(instance(NOBODY_LISTENS)[0], "Emma")
    deadline = time.monotonic() + 1
    # The notification comes with the commit but is not ordered with what the writer does next.
    while titles(reader) != ["Emma"] and time.monotonic() < deadline:
        pass

    assert titles(reader) == ["Emma"]
