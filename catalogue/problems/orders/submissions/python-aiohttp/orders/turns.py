"""One at a time for each key, inside this process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from orders.errors import busy


class Turns:
    """Locks that exist only while somebody uses them."""

    def __init__(self, most_waiting: int, seconds: float) -> None:
        self._locks: dict[str, tuple[asyncio.Lock, list[None]]] = {}
        self._most = most_waiting
        self._seconds = seconds

    @asynccontextmanager
    async def of(self, key: str) -> AsyncIterator[None]:
        """The key's turn.

        Raises:
            Refusal: too many wait for it, or it did not come in time.
        """
        lock, users = self._locks.setdefault(key, (asyncio.Lock(), []))
        if len(users) > self._most:
            raise busy()
        users.append(None)
        try:
            try:
                async with asyncio.timeout(self._seconds):
                    await lock.acquire()
            except TimeoutError:
                raise busy() from None
            try:
                yield
            finally:
                lock.release()
        finally:
            users.pop()
            if not users:
                self._locks.pop(key, None)
