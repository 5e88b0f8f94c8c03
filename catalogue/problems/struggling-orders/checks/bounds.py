"""Bounded work and memory: what many requests at once, and many different ones, may cost."""

import asyncio
from collections.abc import Sequence
from itertools import pairwise

from acidtest.grader.sdk import TIMING, Answer, Env, SqlStatement, check, clip, fail, unknown

from ._shop import COUNTED, SERVED

_CROWD = 300
_MOST_STATEMENTS = 40
_SOON = 5.0
_GRACE = 3.0
_DIFFERENT = 250
_STRETCHES = 3
_AT_ONCE = 8
_MOST_GROWTH = 6 * 1024 * 1024
_SOLD = 2_000


@check("R13", group="bounds", kind=TIMING, weight=3, requires=(SERVED,), deadline=90.0)
async def a_crowd_meets_a_bound(env: Env) -> None:
    """Three hundred requests at once lead to at most forty statements under way.

    Each round trip to the database takes 100 ms more. Every request is answered with 200 or refused
    with 503 and `Retry-After`, some of them are answered, and all of that is over soon.
    """
    await env.quiet()
    start = env.now()
    async with env.postgres.slowed(0.1), asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(
                env.call("get_order", order_id=env.rng.randrange(1, 100_000), deadline=30.0)
            )
            for _ in range(_CROWD)
        ]
    took = env.now() - start
    await env.quiet()
    answers = [task.result() for task in tasks]
    _expect_answered(answers)
    most = _under_way(env.sql_since(start))
    if most > _MOST_STATEMENTS:
        fail(
            "Many requests at once put many statements under way",
            expected=f"at most {_MOST_STATEMENTS} at any moment",
            observed=f"{most} at once for {_CROWD} requests",
        )
    if took > _SOON + _GRACE:
        fail(
            "What cannot be taken on is not refused soon",
            expected=f"{_CROWD} requests answered or refused within {_SOON:.0f} s",
            observed=f"{took:.1f} s",
        )


def _expect_answered(answers: Sequence[Answer]) -> None:
    for answer in answers:
        refused = answer.status == 503 and "Retry-After" in answer.reply.headers
        if answer.status != 200 and not refused:
            fail(
                "In a crowd a request is neither answered nor refused in order",
                expected="200, or 503 with Retry-After",
                observed=answer.summary(),
            )
    if not any(answer.status == 200 for answer in answers):
        fail("In a crowd nobody at all is answered", expected="some 200", observed="503 only")


def _under_way(statements: Sequence[SqlStatement]) -> int:
    """The most statements that were under way at one moment."""
    edges = [(s.at, 1) for s in statements] + [(s.at + (s.seconds or 0.0), -1) for s in statements]
    most = now = 0
    for _, step in sorted(edges):
        now += step
        most = max(most, now)
    return most


@check("R12", group="bounds", kind=TIMING, weight=3, requires=(COUNTED,), deadline=150.0)
async def memory_does_not_grow_with_different_questions(env: Env) -> None:
    """Hundreds of different questions for figures leave the memory of an instance as it was.

    Each has a tracking parameter of its own. After a first stretch of 250, memory is looked at
    after three more; it fails where it grew by more than 6 MiB in each of them.
    """
    await _ask_differently(env, _DIFFERENT)
    sizes = [(await env.service.usage(0)).memory_bytes]
    for _ in range(_STRETCHES):
        await _ask_differently(env, _DIFFERENT)
        sizes.append((await env.service.usage(0)).memory_bytes)
    if not all(sizes):
        unknown("The memory of the service cannot be measured here")
    told = ", ".join(f"{size / 2**20:.1f}" for size in sizes)
    env.note(f"memory in MiB after each {_DIFFERENT} questions: {told}")
    if all(after - before > _MOST_GROWTH for before, after in pairwise(sizes)):
        fail(
            "The memory of an instance grows with the questions it is asked",
            expected=f"less than {_MOST_GROWTH // 2**20} MiB more in one of three stretches",
            observed=f"{told} MiB after each {_DIFFERENT} questions",
        )


async def _ask_differently(env: Env, count: int) -> None:
    products = iter([env.rng.randrange(1, _SOLD) for _ in range(count)])

    silent: list[str] = []

    async def work() -> None:
        for product_id in products:
            answer = await env.call(
                "product_stats",
                product_id=product_id,
                query={"utm_source": env.word(16)},
                deadline=20.0,
            )
            if answer.status is None:
                silent.append(answer.summary())

    async with asyncio.TaskGroup() as group:
        for _ in range(_AT_ONCE):
            group.create_task(work())
    if silent:
        unknown(f"{len(silent)} questions were not answered: {clip(silent[0], 200)}")
