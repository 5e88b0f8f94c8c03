"""What a gate should hold, and how to tell that the cache is used."""

from typing import Any

from acidtest.grader.sdk import Env, Seen

_FILLS = frozenset(
    [
        "SET",
        "SETEX",
        "PSETEX",
        "SETNX",
        "GETSET",
        "MSET",
        "APPEND",
        "HSET",
        "HMSET",
        "HSETNX",
        "JSON.SET",
        "RPUSH",
        "LPUSH",
        "SADD",
        "ZADD",
        "EVAL",
        "EVALSHA",
        "FCALL",
        "RESTORE",
        "COPY",
        "RENAME",
    ]
)


class FillAfterRead:
    """Matches what an instance writes into the cache after it has read the database."""

    def __init__(self, env: Env, replica: str) -> None:
        self._env = env
        self._replica = replica
        self._since = env.now()

    def __call__(self, command: Any) -> bool:
        """Whether to hold this command."""
        if command.replica != self._replica or command.command.upper() not in _FILLS:
            return False
        return bool(Seen(self._env.journal.sql(since=self._since, replica=self._replica)).reads)


async def until_cached(env: Env, *, within: float = 3.0) -> bool:
    """Ask for the list until every instance answers it without SQL, or until the time is over.

    What is planted in a cache shows only while it is used, and some services rightly leave it
    alone for a moment after a fault or a write.
    """
    give_up = env.now() + within
    for replica in range(env.replicas):
        while not await _served_from_cache(env, replica):
            if env.now() > give_up:
                return False
    return True


async def _served_from_cache(env: Env, replica: int) -> bool:
    async with env.watch() as seen:
        answer = await env.call("list_books", replica=replica, deadline=5.0)
    return answer.status == 200 and not seen.work
