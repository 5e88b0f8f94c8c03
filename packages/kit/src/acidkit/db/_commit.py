"""What every transaction shares, whichever way it speaks to PostgreSQL: who watches its commit."""

from collections.abc import Awaitable, Callable
from typing import Protocol

import asyncpg
from sqlalchemy.exc import DBAPIError

from acidkit.db._outage import sqlstate_of

# States that come with the end of the connection, and 40003, whose name is "statement completion
# unknown": COMMIT may have happened all the same.
UNKNOWN = ("08", "57P", "58", "XX", "40003")


class CommitGuard(Protocol):
    """Somebody who must know about a commit from both sides, such as a cache."""

    async def before_commit(self) -> None:
        """Prepare; called when every statement succeeded and COMMIT comes next."""

    async def after_commit(self, *, certain: bool) -> None:
        """Conclude; `certain` is false when the outcome of COMMIT is not known."""


class Guarded:
    """A transaction whose commit can be watched."""

    def __init__(self) -> None:
        self._guards: list[CommitGuard] = []

    def watch(self, guard: CommitGuard) -> None:
        """Let `guard` stand around the commit."""
        self._guards.append(guard)

    async def _commit_by(self, commit: Callable[[], Awaitable[None]]) -> None:
        for guard in self._guards:
            await guard.before_commit()
        certain = False
        try:
            await commit()
            certain = True
        except (DBAPIError, asyncpg.PostgresError) as error:
            certain = is_refusal(error)
            raise
        finally:
            for guard in self._guards:
                await guard.after_commit(certain=certain)


def is_refusal(error: BaseException) -> bool:
    """Return whether the server said no, so that what it refused certainly did not happen."""
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return False
    state = sqlstate_of(error)
    return bool(state) and not state.startswith(UNKNOWN)
