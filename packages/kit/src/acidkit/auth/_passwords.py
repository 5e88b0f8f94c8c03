"""Passwords become argon2id hashes, in threads of their own and never more at once than planned.

A hash costs 19 MiB and some 20 ms of a core on purpose. On the event loop it would hold up every
other request; without a bound a burst of logins would take all memory. Whoever finds the queue
full is told to come back.
"""

import asyncio
import secrets
import unicodedata
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import NamedTuple, TypeVar

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

from acidkit.auth._settings import AuthSettings
from acidkit.errors import Busy

# The least that OWASP's Password Storage Cheat Sheet recommends for argon2id.
MEMORY_KIB = 19_456
PASSES = 2
LANES = 1

SHORTEST_PASSWORD = 8  # NIST SP 800-63B, 5.1.1.2
LONGEST_PASSWORD = 128  # characters, hence at most 512 bytes

T = TypeVar("T")


class Match(NamedTuple):
    """How a password and a stored hash go together."""

    right: bool
    outdated: bool = False


class Passwords:
    """Hashes and verifies; `close` ends its threads.

    Args:
        settings: How many threads hash, how many wait for them, and how long.
        hasher: The parameters new hashes get; hashes with other ones still verify.
    """

    def __init__(
        self, settings: AuthSettings, *, hasher: argon2.PasswordHasher | None = None
    ) -> None:
        self._hasher = hasher or argon2.PasswordHasher(
            time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES
        )
        self._wait = settings.hash_wait
        self._room = settings.hash_workers + settings.hash_queue
        self._inside = 0
        self._turns = asyncio.Semaphore(settings.hash_workers)
        self._threads = ThreadPoolExecutor(settings.hash_workers, thread_name_prefix="passwords")
        # What a password of nobody is compared with: same parameters, same time.
        self._nobody = self._hasher.hash(secrets.token_bytes(16))

    async def hash(self, password: str) -> str:
        """Return a new hash of `password`.

        Raises:
            Busy: too many passwords are being hashed.
        """
        return await self._in_thread(lambda: self._hasher.hash(_normal(password)))

    async def verify(self, password: str, stored: str | None) -> Match:
        """Return whether `password` is the one `stored` was made of; None takes the same time.

        Raises:
            Busy: too many passwords are being hashed.
        """
        return await self._in_thread(lambda: self._match(password, stored))

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _match(self, password: str, stored: str | None) -> Match:
        try:
            self._hasher.verify(stored or self._nobody, _normal(password))
        except (VerificationError, InvalidHashError):
            return Match(right=False)
        return Match(
            right=stored is not None,
            outdated=self._hasher.check_needs_rehash(stored or self._nobody),
        )

    async def _in_thread(self, work: Callable[[], T]) -> T:
        async with self._turn():
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        if self._inside >= self._room:
            raise Busy("Too many passwords are being checked at once.")
        self._inside += 1
        try:
            await self._take_turn()
            try:
                yield
            finally:
                self._turns.release()
        finally:
            self._inside -= 1

    async def _take_turn(self) -> None:
        try:
            async with asyncio.timeout(self._wait):
                await self._turns.acquire()
        except TimeoutError as error:
            raise Busy("Too many passwords are being checked at once.") from error


def _normal(password: str) -> bytes:
    # The same password typed on two keyboards is the same (NIST SP 800-63B, 5.1.1.2).
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
