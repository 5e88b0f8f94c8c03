"""Hashing passwords in threads, few at a time, so that it does not stop everything else."""

import asyncio
import base64
import hashlib
import os
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import bcrypt

from orders.errors import busy

ROUNDS = 10
MOST_WAITING = 300
T = TypeVar("T")


class Passwords:
    """bcrypt over a digest, because bcrypt alone looks at the first 72 bytes only."""

    def __init__(self) -> None:
        # One core stays free for the requests that hash nothing.
        self._threads = ThreadPoolExecutor(max(1, (os.cpu_count() or 1) - 1), "hash")
        self._waiting = 0
        self._nobodys: str | None = None

    async def hash(self, password: str) -> str:
        """A hash with a salt of its own."""
        return await self._aside(lambda: bcrypt.hashpw(_digest(password), bcrypt.gensalt(ROUNDS)).decode())

    async def fits(self, password: str, stored: str | None) -> bool:
        """Whether the password belongs to the hash; without a hash it does not, after the same work."""
        if stored is None:
            self._nobodys = self._nobodys or await self.hash(secrets.token_hex(16))
            await self._check(password, self._nobodys)
            return False
        return await self._check(password, stored)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _check(self, password: str, stored: str) -> bool:
        return await self._aside(lambda: bcrypt.checkpw(_digest(password), stored.encode()))

    async def _aside(self, work: Callable[[], T]) -> T:
        if self._waiting >= MOST_WAITING:
            raise busy()
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1


def _digest(password: str) -> bytes:
    return base64.b64encode(hashlib.sha256(password.encode()).digest())
