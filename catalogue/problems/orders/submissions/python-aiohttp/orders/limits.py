"""Requests per minute, counted for all instances in Redis, and by each for itself while Redis is down."""

import asyncio
import time
from collections import OrderedDict, deque

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from orders import log
from orders.errors import too_many

BUDGET_SECONDS = 0.45  # a request may ask twice
REST_SECONDS = 1.0
WINDOW_SECONDS = 60
MOST_CLIENTS = 10_000

# A counter for each second of the last minute, by the clock of Redis. One second more than a minute is kept, so
# that a request at the end of a second still counts for a whole minute. Gives the seconds to wait.
TAKE = f"""
local now = tonumber(redis.call('TIME')[1])
local counts, total, oldest = redis.call('HGETALL', KEYS[1]), 0, now
for i = 1, #counts, 2 do
    local second = tonumber(counts[i])
    if second < now - {WINDOW_SECONDS} then
        redis.call('HDEL', KEYS[1], counts[i])
    else
        total = total + tonumber(counts[i + 1])
        oldest = math.min(oldest, second)
    end
end
if total >= tonumber(ARGV[1]) then return oldest + {WINDOW_SECONDS + 1} - now end
redis.call('HINCRBY', KEYS[1], now, 1)
redis.call('EXPIRE', KEYS[1], {WINDOW_SECONDS + 2})
return 0
"""


class Limits:
    """Lets clients through, or not."""

    def __init__(self, url: str) -> None:
        # Whoever finds all connections busy waits for one; that is no failure of Redis.
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=8,
            timeout=BUDGET_SECONDS,
            socket_timeout=BUDGET_SECONDS,
            socket_connect_timeout=BUDGET_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        self._redis = Redis.from_pool(pool)
        self._take_shared = self._redis.register_script(TAKE)
        self._rest_until = 0.0
        self._own: OrderedDict[str, deque[float]] = OrderedDict()

    async def open(self) -> None:
        """Meet Redis before the first client does; it may be away."""
        await self._ask("nobody", 1)

    async def take(self, client: str, limit: int) -> None:
        """Count one request of the client.

        Raises:
            Refusal: it is one too many.
        """
        if limit == 0:
            return
        wait = await self._ask(client, limit)
        if wait is None:
            wait = self._take_alone(client, limit)
        if wait > 0:
            raise too_many(wait)

    async def close(self) -> None:
        await self._redis.aclose()

    async def _ask(self, client: str, limit: int) -> float | None:
        """The seconds to wait; None while Redis is left alone after a failure."""
        if time.monotonic() < self._rest_until:
            return None
        resting = self._rest_until > 0
        if resting:
            # One caller at a time finds out whether it is back.
            self._rest_until = time.monotonic() + REST_SECONDS
        try:
            async with asyncio.timeout(BUDGET_SECONDS):
                wait = float(await self._take_shared(keys=[f"limit:{client}"], args=[limit]))
        except (RedisError, OSError, TimeoutError) as error:
            self._rest_until = time.monotonic() + REST_SECONDS
            if not resting:
                log.say("Redis is not usable", level="warning", **log.about(error))
            return None
        if resting:
            self._rest_until = 0.0
            log.say("Redis is used again")
        return wait

    def _take_alone(self, client: str, limit: int) -> float:
        now = time.monotonic()
        recent = self._own.setdefault(client, deque())
        self._own.move_to_end(client)
        while len(self._own) > MOST_CLIENTS:
            self._own.popitem(last=False)
        while recent and recent[0] <= now - WINDOW_SECONDS:
            recent.popleft()
        if len(recent) >= limit:
            return recent[0] + WINDOW_SECONDS - now
        recent.append(now)
        return 0
