"""The list of books: from the cache where that is provably not old, else from the database.

Redis holds the list with its revision (`shelf:list`) and the lowest revision that may be served
(`shelf:revision`). A writer raises the latter before it answers; whoever reads compares. So a slow reader
may store an old list as late as it likes: nobody serves it.
"""

import hashlib
import json
import time
from typing import Any, NamedTuple

from bookshelf.cache import Cache, CacheDown
from bookshelf.flights import Flights
from bookshelf.revision import Revision
from bookshelf.store import Row, Store

_LIST = "shelf:list"
_REVISION = "shelf:revision"
_LIST_SECONDS = 60
_REVISION_SECONDS = 3600  # far longer than any list can live
_LEASE_MILLISECONDS = 500
_TURN_SECONDS = 0.2
_LOOK_SECONDS = 0.02
_AT_ONCE_SECONDS = 0.05

# MGET answers nil for a key of another type, where GET would be an error. The last argument is what the
# caller saw before it asked the database: where that is still held and above the database's own number,
# it is garbage or the database was restored.
_RAISE = """
    local held = redis.call('MGET', KEYS[1])[1] or ''
    if tonumber(ARGV[1]) > (tonumber(held) or 0) or held == ARGV[3] then
        redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
    end
    return 1
"""
_SAW_NOTHING = "-"


class Page(NamedTuple):
    """The JSON text of the list, and the revision it was read at."""

    revision: int
    text: str


class Seen(NamedTuple):
    """What the cache held: a page that can be read, the announcement as it stands, the lowest to serve."""

    page: Page | None
    announced: bytes
    floor: int

    @property
    def fresh(self) -> Page | None:
        """The page, unless it is older than what was announced."""
        return self.page if self.page and self.page.revision >= self.floor else None


class Shelf:
    """Lists and adds books."""

    def __init__(self, store: Store, cache: Cache, revision: Revision) -> None:
        self._store = store
        self._cache = cache
        self._revision = revision
        self._flights: Flights[Page] = Flights()

    def list(self) -> str:
        """The JSON text of all books."""
        seen = self._look()
        if seen is None:
            # Nobody can say what a computation under way has missed: only a later one will do.
            return self._flights.after(self._load).text
        if seen.fresh:
            return seen.fresh.text
        page = self._flights.join(lambda: self._refill(seen))
        if page.revision < seen.floor:
            page = self._flights.after(lambda: self._refill(seen))
        return page.text

    def add(self, values: Row) -> Row:
        """Store a book. When this returns no process serves a list without it."""
        book, revision = self._store.add_book(values)
        self._revision.heard(revision)
        try:
            self._tell(revision)
        except CacheDown:
            pass  # the others know it from the database's notification
        return book

    def _tell(self, revision: int) -> None:
        began = time.monotonic()
        try:
            self._cache.tell(lambda client: _announce(client, revision, _SAW_NOTHING))
        except CacheDown:
            # A connection that had died fails at once, and then a new one is worth trying.
            if time.monotonic() - began > _AT_ONCE_SECONDS:
                raise
            self._cache.tell(lambda client: _announce(client, revision, _SAW_NOTHING))

    def _look(self) -> Seen | None:
        try:
            held, announced = self._cache.ask(lambda client: client.mget(_LIST, _REVISION))
        except CacheDown:
            return None
        announced = announced or b""
        number = int(announced) if announced.isdigit() and len(announced) < 16 else 0
        return Seen(_decode(held), announced, max(number, self._revision.newest))

    def _load(self) -> Page:
        known = self._revision.newest
        revision, books = self._store.books()
        if revision < known:
            self._revision.went_back(revision)
        self._revision.heard(revision)
        return Page(revision, json.dumps(books, ensure_ascii=False, separators=(",", ":")))

    def _refill(self, seen: Seen) -> Page:
        lease = f"shelf:lease:{seen.floor}"
        try:
            mine = self._cache.ask(lambda client: client.set(lease, 1, px=_LEASE_MILLISECONDS, nx=True))
        except CacheDown:
            return self._load()
        return self._fill(seen, lease) if mine else self._turn() or self._load()

    def _turn(self) -> Page | None:
        """The page that the process whose turn it is stores, unless it takes too long about it."""
        until = time.monotonic() + _TURN_SECONDS
        while time.monotonic() < until:
            time.sleep(_LOOK_SECONDS)
            seen = self._look()
            if seen is None:
                return None
            if seen.fresh:
                return seen.fresh
        return None

    def _fill(self, seen: Seen, lease: str) -> Page:
        page = self._load()
        if page.revision < self._revision.newest:
            return page  # somebody added a book meanwhile; whoever comes next fills

        def store(client: Any) -> None:
            with client.pipeline(transaction=True) as commands:
                _announce(commands, page.revision, seen.announced)
                commands.set(_LIST, _encode(page), ex=_LIST_SECONDS)
                commands.delete(lease)
                commands.execute()

        try:
            self._cache.ask(store)
        except CacheDown:
            pass
        return page


def _announce(client: Any, revision: int, saw: bytes | str) -> None:
    client.eval(_RAISE, 1, _REVISION, revision, _REVISION_SECONDS, saw)


def _digest(revision: int, text: str) -> str:
    return hashlib.sha256(f"{revision}:{text}".encode()).hexdigest()


def _encode(page: Page) -> str:
    return json.dumps([page.revision, _digest(*page), page.text], ensure_ascii=False)


def _decode(held: bytes | None) -> Page | None:
    """The page that was stored, or nothing for whatever else may stand under its key."""
    try:
        revision, digest, text = json.loads(held or b"")
        page = Page(revision, text)
        return page if isinstance(revision, int) and digest == _digest(*page) else None
    except (ValueError, TypeError, RecursionError):
        return None
