"""Redis as something that may fail at any time: short waits, and a rest after a failure."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

log = logging.getLogger(__name__)

WAIT_SECONDS = 0.25
REST_SECONDS = 1.0


class CacheDown(Exception):
    """Redis did not answer, or is resting from having failed."""


class Cache:
    """Runs commands while Redis works; raises CacheDown otherwise."""

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(
            url,
            protocol=2,
            socket_timeout=WAIT_SECONDS,
            socket_connect_timeout=WAIT_SECONDS,
            retry=Retry(NoBackoff(), 0),
            driver_info=None,  # two round trips less for each connection
            decode_responses=False,
        )
        self._lock = threading.Lock()
        self._failing = False
        self._rest_until = 0.0
        self._worked_at = 0.0

    def ask(self, command: Callable[[redis.Redis], Any]) -> Any:
        """The result of `command`. After a failure one caller a second finds out whether it is back."""
        with self._lock:
            if self._failing:
                if time.monotonic() < self._rest_until:
                    raise CacheDown
                self._rest_until = time.monotonic() + REST_SECONDS
        return self.tell(command)

    def tell(self, command: Callable[[redis.Redis], Any]) -> Any:
        """The same without the rest, for what must be told if it can be."""
        began = time.monotonic()
        try:
            result = command(self._client)
        except redis.RedisError as error:
            # Where others were answered meanwhile it is this command that had bad luck, not Redis.
            if self._worked_at < began:
                self._failed(error)
            raise CacheDown from error
        self._worked_at = time.monotonic()
        if self._failing:
            log.info("the cache is used again")
            self._failing = False
        return result

    def _failed(self, error: Exception) -> None:
        if not self._failing:
            log.warning("the cache is not usable", extra={"fields": {"error": type(error).__name__}})
        self._failing = True
        self._rest_until = time.monotonic() + REST_SECONDS
        # What lies idle in the pool is most likely as dead.
        self._client.connection_pool.disconnect(inuse_connections=False)
