"""Cache first and never stale: what two instances serve while nothing is broken."""

from collections.abc import Awaitable, Callable, Mapping

from acidtest.grader.sdk import (
    ADVISORY,
    SAFETY,
    Answer,
    Env,
    Failed,
    Item,
    Seen,
    check,
    clip,
    fail,
    not_applicable,
    unmet,
)

from ._elsewhere import rests_on_postgres
from ._shelf import (
    BASE,
    add_book,
    add_review,
    listed_books,
    new_book,
    stored,
    with_id,
)
from .contract import expect_figures

_FILL_SECONDS = 2.0
"""Some services fill the cache after they answered, or not at once after a write."""
_LIST_BYTES = 100
"""A random title of 240 letters takes more than this, however it is packed."""
_TRIES = 4
_SWEEPING = frozenset({"KEYS", "FLUSHALL", "FLUSHDB"})


@check("R12", group="cache", weight=2, requires=(BASE,))
async def a_miss_fills_the_cache(env: Env) -> None:
    """When the list of books is not in the cache, asking for it puts it there.

    Empties the cache, asks for the list during two seconds at most, and looks for an entry that is
    large enough to hold a book with a long title. Locks and version numbers alone do not count.
    """
    await add_book(env, replica=0, title=env.word(240))
    await env.quiet()
    await env.cache.flushdb()
    await _warm(env, 0)

    async def holds_a_list() -> bool:
        await _warm(env, 0)
        return await _largest(env) >= _LIST_BYTES

    if not await env.until(holds_a_list, within=_FILL_SECONDS):
        fail(
            "GET /books does not leave the list in the cache",
            expected="an entry in the cache after the list was read from the database",
            observed=f"{await env.cache.dbsize()} keys, the largest of {await _largest(env)} bytes",
        )


@check("R12", group="cache", weight=3, requires=(BASE,))
async def a_hit_sends_no_sql(env: Env) -> None:
    """When the list of books is in the cache, answering it sends no SQL.

    Asks each instance again after it answered once. Pings and transaction brackets of drivers do
    not count, and the quietest try of two seconds does, so that background work does no harm. The
    answer must hold a book that was added before.
    """
    await rests_on_postgres(env)
    book = await add_book(env, replica=0)
    for replica in range(env.replicas):
        answer, seen = await _quietest(env, replica)
        if with_id(answer.items, book["id"]) is None and not env.dialect.query("list_books").any:
            unmet("This rests on: the list shows a book that was added")
        if seen.work:
            fail(
                "GET /books sends SQL although the list was just asked for",
                expected="no statement on a hit",
                observed=f"statements: {len(seen.work)}, such as {clip(seen.work[0].text, 300)}",
            )


@check("R12", group="cache", weight=2, requires=(BASE,))
async def every_key_expires(env: Env) -> None:
    """Every key in the cache has an expiry.

    All four operations are used first. A key counts when it has none and still has none half a
    second later, so that a service may set value and expiry in two steps.
    """
    book = await add_book(env, replica=0)
    await add_review(env, book["id"])
    for replica in range(env.replicas):
        await _warm(env, replica)
        await env.call("list_reviews", book_id=book["id"], replica=replica)
    if not await _filled(env):
        unmet("There is no key in the cache whose expiry could be looked at")

    async def all_expire() -> bool:
        return not await _immortal(env)

    if not await env.until(all_expire, within=0.5):
        keys = await _immortal(env)
        fail(
            "A key in the cache has no expiry",
            expected="a time to live on every key",
            observed=", ".join(clip(key.decode("utf-8", "replace"), 80) for key in keys[:5]),
        )


@check("R13", group="cache", kind=SAFETY, weight=3, requires=(BASE,))
async def a_new_book_is_in_the_very_next_list(env: Env) -> None:
    """A book that was answered with 201 is in the very next list, from every instance.

    Each instance has the list in its cache; then one of them adds a book, and the next list of each
    must hold it. Every instance has its turn, three times.
    """
    await rests_on_postgres(env)
    await add_book(env, replica=0)
    for turn in range(3 * env.replicas):
        for replica in range(env.replicas):
            await _warm(env, replica)
            await _warm(env, replica)
        answer = await env.call("create_book", new_book(env), replica=turn % env.replicas)
        book = stored(answer, "a book can be added")
        readers = sorted(range(env.replicas), key=lambda replica: (replica + turn) % env.replicas)
        for replica in reversed(readers):
            await expect_listed(env, book, replica)


async def expect_listed(env: Env, book: Item, replica: int) -> None:
    """Fail unless the list of this instance holds `book` now."""
    books = await env.walk("list_books", replica=replica)
    if with_id(books, book["id"]) is None:
        fail(
            "A book that was answered with 201 is missing in a later list",
            expected=f"book {book['id']} in GET /books of instance {replica + 1}",
            observed=f"{len(books)} books without it: the list is stale",
        )


@check("R3", group="cache", kind=SAFETY)
async def a_new_review_is_seen_by_every_instance(env: Env) -> None:
    """A review that was answered with 201 is in the next list of reviews, from every instance."""
    await rests_on_postgres(env)
    book = await add_book(env, replica=0)
    for turn in range(2 * env.replicas):
        for replica in range(env.replicas):
            await env.call("list_reviews", book_id=book["id"], replica=replica)
        review = await add_review(env, book["id"], replica=turn % env.replicas)
        for replica in reversed(range(env.replicas)):
            reviews = await env.walk("list_reviews", book_id=book["id"], replica=replica)
            if with_id(reviews, review["id"]) is None:
                fail(
                    "A review that was answered with 201 is missing in the next list",
                    expected=f"review {review['id']} from instance {replica + 1}",
                    observed=f"{len(reviews)} reviews without it",
                )


@check("R13", group="cache", requires=(BASE,))
async def review_figures_in_the_list_are_fresh(env: Env) -> None:
    """Where the list shows review counts and averages, they are true right after a new review.

    Does not apply where the list shows neither.
    """
    await rests_on_postgres(env)
    book = await add_book(env, replica=0)
    ratings: list[int] = []
    for turn, rating in enumerate((5, 2, 2)):
        for replica in range(env.replicas):
            await _warm(env, replica)
        await add_review(env, book["id"], rating=rating, replica=turn % env.replicas)
        ratings.append(rating)
        for replica in reversed(range(env.replicas)):
            shown = with_id(await listed_books(env, replica=replica), book["id"])
            if shown is None:
                unmet("This rests on: an added book is in the list")
            if "review_count" not in shown and "average_rating" not in shown:
                not_applicable("The list shows neither a count nor an average, which is optional")
            expect_figures(shown, tuple(ratings))


@check("R12", group="cache", weight=2, requires=(BASE,))
async def an_entry_that_cannot_be_read_is_a_miss(env: Env) -> None:
    """A cache entry that cannot be read as a list of books is treated as a miss.

    Every key of the filled cache is replaced in turn by bytes that are no text, JSON that breaks
    off, JSON of another kind, and a value of another Redis type, each with the expiry it had. The
    list must answer 200 with the books all the same.
    """
    book = await add_book(env, replica=0)
    for name, spoil in _SPOILERS.items():
        await _warm(env, 0)
        if not await _filled(env):
            unmet("There is no entry in the cache that could be spoilt")
        await env.quiet()
        for key in await _keys(env):
            await spoil(env, key)
        answer = await env.call("list_books", replica=0)
        answer.expect({200}, f"With {name} in its cache GET /books does not answer 200")
        if not await _shows(env, book):
            fail(
                f"With {name} in its cache GET /books does not show the books",
                expected="the books, as on a miss",
                observed=answer.summary(),
            )
        await env.cache.flushdb()


@check("R12", group="cache", requires=(BASE,))
async def a_spoilt_entry_is_replaced(env: Env) -> None:
    """After an entry that could not be read the cache is filled again, and a hit sends no SQL."""
    await rests_on_postgres(env)
    await add_book(env, replica=0)
    await _warm(env, 0)
    if not await _filled(env):
        unmet("There is no entry in the cache that could be spoilt")
    _, before = await _quietest(env, 0)
    if before.work:
        unmet("This rests on: a hit sends no SQL")
    await env.quiet()
    for key in await _keys(env):
        await _spoil_text(env, key, b"\x80 spoilt")
    await _warm(env, 0)
    _, seen = await _quietest(env, 0)
    await env.cache.flushdb()
    if seen.work:
        fail(
            "An entry that could not be read stays in the cache, and every list asks the database",
            expected="no SQL once the list was asked for again",
            observed=f"{len(seen.work)} statements in each list",
        )


@check("R12", group="cache", kind=ADVISORY)
async def no_command_sweeps_the_whole_cache(env: Env) -> None:
    """The service does not search or empty the whole cache with KEYS, FLUSHALL or FLUSHDB.

    KEYS stops a Redis with many entries, and FLUSH takes other people's entries along.
    """
    book = await add_book(env)
    await add_review(env, book["id"])
    await listed_books(env)
    used = {m.command.upper() for m in env.journal.redis()} & _SWEEPING
    if used:
        fail(
            f"The service uses {' and '.join(sorted(used))}",
            expected="commands that touch the service's own keys",
            observed=", ".join(sorted(used)),
        )


async def _shows(env: Env, book: Item) -> bool:
    """Whether the list can be read and holds `book`; anything else is no list of books."""
    try:
        return with_id(await env.walk("list_books", replica=0), book["id"]) is not None
    except Failed:
        return False


async def _warm(env: Env, replica: int) -> Answer:
    answer = await env.call("list_books", replica=replica)
    return answer.given({200}, "This rests on: GET /books answers 200")


async def _filled(env: Env) -> bool:
    async def holds_a_key() -> bool:
        await _warm(env, 0)
        return bool(await env.cache.dbsize())

    return await env.until(holds_a_key, within=_FILL_SECONDS)


async def _largest(env: Env) -> int:
    sizes = [len(await env.cache.dump(key) or b"") for key in await _keys(env)]
    return max(sizes, default=0)


async def _keys(env: Env) -> list[bytes]:
    return [key if isinstance(key, bytes) else key.encode() for key in await env.cache.keys()]


async def _immortal(env: Env) -> list[bytes]:
    keys = await _keys(env)
    return [key for key in keys if await env.cache.pttl(key) == -1]


async def _quietest(env: Env, replica: int) -> tuple[Answer, Seen]:
    """Ask a warm instance for a while and return the try with the fewest statements.

    Some services rightly leave the cache alone for a moment after a write.
    """
    await _warm(env, replica)
    give_up = env.now() + _FILL_SECONDS
    tries: list[tuple[Answer, Seen]] = []
    while len(tries) < _TRIES or env.now() < give_up:
        async with env.watch() as seen:
            answer = await _warm(env, replica)
        tries.append((answer, seen))
        if not seen.work:
            break
    return min(tries, key=lambda one: len(one[1].work))


async def _spoil_text(env: Env, key: bytes, value: bytes) -> None:
    left = await env.cache.pttl(key)
    await env.cache.set(key, value, px=left if left > 0 else 60_000)


async def _spoil_type(env: Env, key: bytes) -> None:
    left = await env.cache.pttl(key)
    kind = await env.cache.type(key)
    await env.cache.delete(key)
    if kind == b"list":
        await env.cache.hset(key, "a", "b")
    else:
        await env.cache.rpush(key, "a", "b")
    await env.cache.pexpire(key, left if left > 0 else 60_000)


def _with(value: bytes) -> Callable[[Env, bytes], Awaitable[None]]:
    async def spoil(env: Env, key: bytes) -> None:
        await _spoil_text(env, key, value)

    return spoil


_SPOILERS: Mapping[str, Callable[[Env, bytes], Awaitable[None]]] = {
    "bytes that are no text": _with(b"\x80\x81\xfe\xff\x00"),
    "JSON that breaks off": _with(b'[{"id": 1, "title": "br'),
    "a JSON number": _with(b"42"),
    "a JSON object of another kind": _with(b'{"spoilt": {"a": [1]}}'),
    "an empty entry": _with(b""),
    "an entry of another Redis type": _spoil_type,
}
