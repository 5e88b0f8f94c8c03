"""Asks Redis for many requests at once: whoever comes during an exchange is part of the next one.

It is a room of its own because a crowd must not look like an outage: five hundred requests that
come together need a handful of round trips on one connection, not five hundred connections.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

from acidkit.cache import Budget, CacheLink, CacheUnavailable

Command = tuple[str | int, ...]

MOST_AT_ONCE = 256
MOST_WAITING = 8192


class _Turn(NamedTuple):
    command: Command
    reply: "asyncio.Future[Any]"


class Turns:
    """Runs one exchange at a time, each of at most `patience` seconds."""

    def __init__(self, link: CacheLink, *, patience: float) -> None:
        self._link = link
        self._patience = patience
        self._queue: deque[_Turn] = deque()
        self._worker: asyncio.Task[None] | None = None

    async def ask(self, command: Command) -> Any:
        """Return the reply to `command`; a refused command's reply is its error.

        Raises:
            CacheUnavailable: Redis did not answer this exchange, or the one it waited for.
        """
        if not self._link.trusted or len(self._queue) >= MOST_WAITING:
            raise CacheUnavailable
        turn = _Turn(command, asyncio.get_running_loop().create_future())
        self._queue.append(turn)
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        return await turn.reply

    async def _work(self) -> None:
        while self._queue:
            taken = [self._queue.popleft() for _ in range(min(len(self._queue), MOST_AT_ONCE))]
            try:
                replies = await self._exchange(taken)
            except BaseException as error:
                # Those behind have waited for this one already, as long as anybody should.
                _give_up([*taken, *self._queue], error)
                self._queue.clear()
                if isinstance(error, CacheUnavailable):
                    return
                raise
            _hand_out(taken, replies)

    async def _exchange(self, turns: Sequence[_Turn]) -> list[Any]:
        commands = [turn.command for turn in turns]
        return await self._link.run(*commands, budget=Budget(self._patience))


def _hand_out(turns: Sequence[_Turn], replies: Sequence[Any]) -> None:
    for turn, reply in zip(turns, replies, strict=True):
        if not turn.reply.done():
            turn.reply.set_result(reply)


def _give_up(turns: Sequence[_Turn], cause: BaseException) -> None:
    for turn in turns:
        if not turn.reply.done():
            error = CacheUnavailable()
            error.__cause__ = cause
            turn.reply.set_exception(error)
