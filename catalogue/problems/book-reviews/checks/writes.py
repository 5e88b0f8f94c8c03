"""Writes and their answers: nothing is said to be stored before it is.

Judged last of its group: a service that does not know how a commit ended may rightly leave its
cache alone for a while, and would show nothing of its races then.
"""

import asyncio
from collections.abc import Awaitable, Callable

from acidtest.grader.sdk import SAFETY, Answer, Env, LastingWrite, check, fail, replica_name, unmet

from ._elsewhere import rests_on_postgres
from ._shelf import add_book, new_book, new_review

_PATIENCE = 0.4
"""Seconds for which an answer must not come while its commit is held."""
_REACH = 4.0
_RECOVERY = 10.0


@check("R17", group="races", kind=SAFETY, weight=3)
async def an_answer_of_201_comes_after_the_commit(env: Env) -> None:
    """Nothing is answered with 201 before the database has it for good.

    What makes the write last, its COMMIT or the write itself, is held on the way to the database:
    no 2xx may come meanwhile. Then the connection is cut instead: an answer of 2xx is right only if
    the row is there all the same.
    """
    await rests_on_postgres(env)
    book = await add_book(env, replica=0)

    def post_book() -> Awaitable[Answer]:
        return env.call("create_book", new_book(env, title=f"Held {env.word()}"), replica=0)

    def post_review() -> Awaitable[Answer]:
        return env.call("create_review", new_review(env), book_id=book["id"], replica=0)

    for post, what in ((post_book, "book"), (post_review, "review")):

        async def works(post: Callable[[], Awaitable[Answer]] = post) -> bool:
            return (await post()).ok

        # The cut of the round before may have cost the service a connection.
        if not await env.until(works, within=_RECOVERY):
            unmet(f"This rests on: a well-formed {what} is stored")
        await _answer_waits_for_the_commit(env, post)


async def _answer_waits_for_the_commit(env: Env, post: Callable[[], Awaitable[Answer]]) -> None:
    with env.postgres.gate(LastingWrite(replica_name(env, 0))) as gate:
        asking = asyncio.ensure_future(post())
        try:
            reached = await gate.reached(timeout=_REACH)
            await asyncio.wait({asking}, timeout=_PATIENCE)
            early = asking.result() if asking.done() else None
            gate.cut()
            answer = await asking
        finally:
            asking.cancel()
    if reached and early is not None and early.ok:
        fail(
            "The answer came before the database had committed",
            expected="no 2xx while the commit is held",
            observed=early.summary(),
        )
    if answer.ok and not await _is_stored(env, answer):
        fail(
            "A write that the database never committed was answered as stored",
            expected="an error, or the row",
            observed=f"{answer.summary()}, and no row",
        )


async def _is_stored(env: Env, answer: Answer) -> bool:
    """Whether the database holds what an answer says it stored."""
    item = answer.item
    mark = item.get("comment") or item.get("title")
    return mark is not None and await env.db.locate(str(mark)) is not None
