"""Repeats a whole transaction that lost against another one; a part of it must never be repeated.

PostgreSQL, 13.5: whoever uses Repeatable Read or Serializable must be prepared to run the complete
transaction again, including all logic that decides which statements to issue.
"""

import asyncio
import enum
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg
import structlog
from sqlalchemy.exc import DBAPIError

from acidkit.db._commit import is_refusal
from acidkit.db._outage import sqlstate_of

T = TypeVar("T")

ATTEMPTS = 5
PATIENCE = 2.0
FIRST_PAUSE = 0.005
LONGEST_PAUSE = 0.1
LOST_RACES = frozenset({"40001", "40P01"})


class Isolation(enum.StrEnum):
    """How much of the others' work a transaction may see, in PostgreSQL's words."""

    READ_COMMITTED = "READ COMMITTED"
    REPEATABLE_READ = "REPEATABLE READ"
    SERIALIZABLE = "SERIALIZABLE"


async def retried(
    attempt: Callable[[], Awaitable[T]], *, attempts: int = ATTEMPTS, within: float = PATIENCE
) -> T:
    """Return what `attempt` returns, repeating it while it loses races (40001, 40P01).

    The pause before repetition n is random below `5 ms * 2**n`, at most 100 ms. Nothing is repeated
    whose outcome is not known.

    Args:
        attempt: One whole transaction.
        attempts: How often it may run, at most.
        within: Seconds after which no further attempt begins.
    """
    deadline = asyncio.get_running_loop().time() + within
    for number in range(1, attempts):
        # Full jitter: those who collided must not meet again.
        pause = random.uniform(0, min(LONGEST_PAUSE, FIRST_PAUSE * 2**number))  # noqa: S311 - no secret
        try:
            return await attempt()
        except (DBAPIError, asyncpg.PostgresError) as error:
            if not _may_repeat(error) or asyncio.get_running_loop().time() + pause > deadline:
                raise
            structlog.get_logger().info(
                "transaction_repeated", sqlstate=sqlstate_of(error), attempt=number
            )
        await asyncio.sleep(pause)
    return await attempt()


def _may_repeat(error: BaseException) -> bool:
    return sqlstate_of(error) in LOST_RACES and is_refusal(error)
