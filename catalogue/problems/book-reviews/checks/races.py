"""Races between two instances, made to happen every time by gates and delays on the wires."""

import asyncio
from collections import Counter

from acidtest.grader.sdk import (
    SAFETY,
    TIMING,
    Answer,
    Env,
    check,
    clip,
    fail,
    replica_name,
    unknown,
    unmet,
)

from ._elsewhere import rests_on_postgres
from ._shelf import (
    BASE,
    STORED,
    add_book,
    new_book,
    new_review,
    stored,
    with_id,
)
from ._watched import until_cached

_CROWD = 50
_RIVALS = 10
_ROUNDS = 3
_REACH = 4.0
_LOCKED = "55P03"


@check("R15", group="races", kind=TIMING, weight=2, requires=(BASE,))
async def a_crowd_on_a_cold_list_computes_it_at_most_twice_per_instance(env: Env) -> None:
    """When the cached list is gone and many ask at once, each instance computes it at most twice.

    The cache is emptied, the database answers 50 ms later than usual, and fifty requests arrive at
    two instances together. Counted is the statement that lists the books, against how often one
    lonely request sends it.
    """
    await rests_on_postgres(env)
    book = await add_book(env, replica=0)
    text, alone = await _listing(env)
    await env.cache.flushdb()
    await env.quiet()
    start = env.now()
    async with env.postgres.slowed(0.05), asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(env.call("list_books", replica=n % env.replicas))
            for n in range(_CROWD)
        ]
    await env.quiet()
    for task in tasks:
        task.result().expect({200}, "In a crowd on a cold list a request is not answered with 200")
    if not env.dialect.query("list_books").any and any(
        with_id(task.result().items, book["id"]) is None for task in tasks
    ):
        fail("In a crowd on a cold list an answer lacks a book", expected=f"book {book['id']}")
    sent = Counter(s.replica for s in env.sql_since(start) if s.text == text)
    worst = max(sent.values(), default=0) / alone
    if worst > 2:
        fail(
            "Many requests on a cold list each compute it",
            expected="at most 2 computations by each instance",
            observed=f"{worst:.0f} by one instance for {_CROWD // env.replicas} requests:"
            f" {clip(text, 300)}",
        )


@check("R6", group="races", kind=SAFETY, weight=3)
async def rivals_for_one_isbn_have_one_winner(env: Env) -> None:
    """When many add the same ISBN at once at two instances, one gets 201 and all others 409.

    Ten requests at a time, three times, with 30 ms more for every round trip to the database, so
    that look-then-insert always loses. No 5xx, and one row in the end.
    """
    await rests_on_postgres(env)
    stored(await env.call("create_book", new_book(env)), "a book can be added")
    for _ in range(_ROUNDS):
        body = new_book(env)
        async with env.postgres.slowed(0.03), asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(
                    env.call(
                        "create_book",
                        {**body, "title": f"{body['title']} {n}"},
                        replica=n % env.replicas,
                    )
                )
                for n in range(_RIVALS)
            ]
        answers = [task.result() for task in tasks]
        _one_winner(answers)
        await _one_row(env, body["isbn"])


def _one_winner(answers: list[Answer]) -> None:
    statuses = Counter(answer.status for answer in answers)
    winners = [answer for answer in answers if answer.status in STORED]
    odd = [a for a in answers if a.status not in STORED and a.status != 409]
    if odd:
        fail(
            "A rival for an ISBN that is taken at that moment is not refused with 409",
            expected=f"one 201 and {len(answers) - 1} times 409",
            observed=f"{dict(statuses)}; {odd[0].summary()}",
        )
    if len(winners) != 1:
        fail(
            f"{len(winners)} of {len(answers)} rivals for one ISBN were answered as stored",
            expected="exactly one",
            observed=str(dict(statuses)),
        )


async def _one_row(env: Env, isbn: str) -> None:
    place = await env.db.locate(isbn)
    if place is None:
        return
    rows = await env.db.count(place, isbn)
    if rows != 1:
        fail(
            "After rivals for one ISBN the database holds it more than once",
            expected="one row",
            observed=f"{rows} rows in {place.table}",
        )


@check("R15", group="races", kind=SAFETY, weight=2)
async def a_book_that_vanishes_under_a_review_is_no_5xx(env: Env) -> None:
    """A book that disappears while a review for it is being stored leads to 404 or 409.

    The service's first write is held on its way to the database, the book's row is deleted, and the
    write goes on. Where the service has locked the row by then nothing can vanish, which is right
    as well.
    """
    await rests_on_postgres(env)
    known = await add_book(env, replica=0)
    twin = await env.call("create_review", new_review(env), book_id=known["id"], replica=0)
    twin.given(STORED, "This rests on: a review of a known book is stored")
    body = new_book(env)
    book = stored(await env.call("create_book", body, replica=0), "a book can be added")
    place = await env.db.locate(body["title"])
    if place is None:
        unmet("No table holds the title of the book, so its row could not be deleted")
    name = replica_name(env, 0)
    review = new_review(env)
    with env.postgres.gate(lambda s: s.is_write and s.replica == name) as gate:
        async with asyncio.TaskGroup() as group:
            asking = group.create_task(
                env.call("create_review", review, book_id=book["id"], replica=0)
            )
            if not await gate.reached(timeout=_REACH):
                env.note("no write came to the gate")
            refused = await env.db.attempt(f"delete {place.holders}", body["title"], keep=True)
            gate.release()
    answer = asking.result()
    if refused is not None and refused != _LOCKED:
        unknown(f"The book's row could not be deleted past the service: SQLSTATE {refused}")
    if refused is not None:
        env.note(f"the book was locked and could not be deleted ({refused})")
        answer.expect({200, 201}, "A review of a locked book is not stored")
        return
    answer.expect({404, 409}, "A review of a book that vanished is not answered with 404 or 409")


@check("R13", group="races", kind=SAFETY, weight=2, requires=(BASE,))
async def after_a_storm_every_instance_serves_what_the_database_holds(env: Env) -> None:
    """After many reads and writes at once, every instance serves what the database holds.

    A hundred and fifty requests in random order, a dozen at a time, at both instances, with small
    delays on both wires. Once nothing moves, each list must hold every book that was answered with
    201.
    """
    await rests_on_postgres(env)
    await add_book(env, replica=0)
    await until_cached(env)
    answers: list[Answer] = []
    slots = asyncio.Semaphore(12)

    async def step(*, write: bool, replica: int) -> None:
        async with slots:
            if not write:
                await env.call("list_books", replica=replica)
                return
            answer = await env.call("create_book", new_book(env), replica=replica)
            if answer.status in STORED:
                answers.append(answer)

    steps = [(env.rng.random() < 0.25, env.rng.randrange(env.replicas)) for _ in range(150)]
    async with (
        env.postgres.slowed(0.006),
        env.redis.slowed(0.003),
        asyncio.TaskGroup() as group,
    ):
        for write, replica in steps:
            group.create_task(step(write=write, replica=replica))
    added = [answer.item.get("id") for answer in answers]
    if len(added) < 10:
        unmet("Too few books could be added during the storm")
    await env.quiet()
    for replica in range(env.replicas):
        books = {str(book.get("id")) for book in await env.walk("list_books", replica=replica)}
        missing = [book_id for book_id in added if str(book_id) not in books]
        if missing:
            fail(
                "After a storm of reads and writes an instance serves an old list",
                expected=f"all {len(added)} books that were answered with 201",
                observed=f"missing: {len(missing)}, such as {missing[0]}",
            )


async def _listing(env: Env) -> tuple[str, int]:
    """The statement that lists the books, and how often one lonely cold request sends it."""
    await env.quiet()
    await env.cache.flushdb()
    async with env.watch() as seen:
        answer = await env.call("list_books", replica=0)
    answer.given({200}, "This rests on: GET /books answers 200")
    reads = Counter(statement.text for statement in seen.reads)
    if not reads:
        unmet("A list that is not cached sends no SQL, so its computations cannot be counted")
    longest = max(reads, key=len)
    return longest, reads[longest]
