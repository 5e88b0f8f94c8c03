"""The SQL of `POST /orders` and nothing else, as fast as asyncpg sends it: what a service could do.

Prints how many orders a second were stored.
"""

import argparse
import asyncio
import time
from datetime import UTC, datetime
from http import HTTPStatus
from uuid import UUID, uuid4

import asyncpg
import uvloop

from acidkit.idempotency import KeyStore, Reply, Ticket, fingerprint
from orders.repository import ADD

_OPERATION = "POST /orders"


def main() -> None:
    """Store orders for a while and print the rate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--connections", type=int, default=16)
    options = parser.parse_args()
    stored = uvloop.run(_run(options.url, options.seconds, options.connections))
    print(f"{stored / options.seconds:.1f}")


async def _run(url: str, seconds: float, connections: int) -> int:
    pool = await asyncpg.create_pool(url, min_size=connections, max_size=connections)
    async with pool:
        user = await pool.fetchval("SELECT id FROM users LIMIT 1")
        deadline = time.perf_counter() + seconds
        async with asyncio.TaskGroup() as group:
            workers = [group.create_task(_work(pool, user, deadline)) for _ in range(connections)]
    return sum(worker.result() for worker in workers)


async def _work(pool: asyncpg.Pool, user: UUID, deadline: float) -> int:
    store, done = KeyStore(), 0
    async with pool.acquire() as connection:
        while time.perf_counter() < deadline:
            order, key = uuid4(), uuid4().hex
            ticket = Ticket(str(user), _OPERATION, key, fingerprint(key.encode()))
            reply = Reply(HTTPStatus.CREATED, f'{{"id":"{order}"}}'.encode().ljust(220))
            row = (order, user, 5, "EUR", datetime.now(UTC))
            await store.once(connection, ticket, reply, ADD, *row)
            done += 1
    return done


if __name__ == "__main__":
    main()
