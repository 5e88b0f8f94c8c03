"""Fixtures: the service over a store in memory, and over disposable servers where they are given."""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

from bookshelf.errors import IsbnTaken, NoSuchBook  # noqa: E402 - after the path is known
from bookshelf.store import Listed  # noqa: E402
from bookshelf.web import build  # noqa: E402


class InMemoryStore:
    """Keeps the promises of `Store` without a database."""

    def __init__(self):
        self._books = []
        self._reviews = []

    def books(self):
        return Listed(len(self._books), list(self._books))

    def add_book(self, values):
        if values["isbn"] and any(book["isbn"] == values["isbn"] for book in self._books):
            raise IsbnTaken
        book = {"id": len(self._books) + 1, **values, "created_at": _now()}
        self._books.append(book)
        return book, len(self._books)

    def reviews(self, book):
        if book > len(self._books):
            raise NoSuchBook
        return [review for review in self._reviews if review["book_id"] == book]

    def add_review(self, book, values):
        self.reviews(book)
        review = {"id": len(self._reviews) + 1, "book_id": book, **values, "created_at": _now()}
        self._reviews.append(review)
        return review

    def ping(self):
        pass


class UncachedShelf:
    """Asks the store every time."""

    def __init__(self, store):
        self._store = store

    def list(self):
        import json

        return json.dumps(self._store.books().books)

    def add(self, values):
        return self._store.add_book(values)[0]


def _now():
    return datetime.now(UTC).isoformat()


@pytest.fixture
def client():
    """HTTP without a network, to a service without servers."""
    store = InMemoryStore()
    return build(store, UncachedShelf(store)).test_client()


@pytest.fixture(scope="session")
def servers():
    """The URLs of a disposable PostgreSQL database and Redis."""
    urls = os.environ.get("TEST_DATABASE_URL"), os.environ.get("TEST_REDIS_URL")
    if not all(urls):
        pytest.skip("TEST_DATABASE_URL and TEST_REDIS_URL are not set")
    return urls
