import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

import httpx
import pytest

from acidkit.testing import Fault, FaultProxy, Instance, at_once

pytestmark = pytest.mark.lab

SignUp = Callable[..., Awaitable[dict[str, str]]]
StartWith = Callable[..., AbstractAsyncContextManager[Instance]]


async def burst(
    clients: list[httpx.AsyncClient], count: int, headers: dict[str, str] | None = None
) -> list[httpx.Response]:
    """Ask for a list `count` times at once, in turns at each instance."""
    return await at_once(
        count,
        lambda number: clients[number % len(clients)].get("/orders", headers=headers),
    )


async def test_address_limit_is_shared(start: StartWith) -> None:
    """Of a burst over two instances the limit passes; X-Forwarded-For has no effect."""
    async with start(rate_limit_per_ip=20) as one, start(rate_limit_per_ip=20) as two:
        clients = [one.client, two.client]

        async def ask(number: int) -> httpx.Response:
            spoof = {"X-Forwarded-For": f"10.0.0.{number}", "Forwarded": f"for=10.0.0.{number}"}
            return await clients[number % 2].get("/orders", headers=spoof)

        answers = await at_once(60, ask)
        statuses = [answer.status_code for answer in answers]
        assert 20 <= statuses.count(401) <= 22
        assert statuses.count(401) + statuses.count(429) == 60
        refused = next(answer for answer in answers if answer.status_code == 429)
        assert 1 <= int(refused.headers["retry-after"]) <= 4
        assert refused.json()["trace_id"]
        assert "ratelimit-policy" in refused.headers
        for client in clients:
            assert (await client.get("/health")).status_code == 200
            assert (await client.get("/readyz")).status_code == 200


async def test_user_limit_is_the_users_own(start: StartWith, sign_up: SignUp) -> None:
    """One user's limit is not another's, and nobody's who is not signed in."""
    async with start(rate_limit_per_user=10) as one, start(rate_limit_per_user=10) as two:
        ann, ben = [await sign_up(one.client) for _ in range(2)]
        answers = await burst([one.client, two.client], 30, ann)
        statuses = [answer.status_code for answer in answers]
        assert 10 <= statuses.count(200) <= 11
        assert (await two.client.get("/orders", headers=ben)).status_code == 200
        assert (await two.client.get("/orders")).status_code == 401
        forged = {"Authorization": ann["Authorization"][:-4] + "AAAA"}
        assert (await one.client.get("/orders", headers=forged)).status_code == 401


async def test_wait_that_is_told_is_enough(start: StartWith) -> None:
    """After Retry-After the next request passes."""
    async with start(rate_limit_per_ip=60) as one:
        answers = await burst([one.client], 70)
        refused = next(answer for answer in answers if answer.status_code == 429)
        wait = int(refused.headers["retry-after"])
        await asyncio.sleep(wait)
        assert (await one.client.get("/orders")).status_code == 401


async def test_proxies_that_are_trusted_are_believed(start: StartWith) -> None:
    """Behind a trusted proxy each of its clients has a limit of his own."""
    async with start(rate_limit_per_ip=3, trusted_proxies="127.0.0.0/8") as one:

        async def ask(number: int) -> httpx.Response:
            headers = {"X-Forwarded-For": f"6.6.6.6, 10.0.0.{number % 3}"}
            return await one.client.get("/orders", headers=headers)

        answers = await at_once(9, ask)
        assert {answer.status_code for answer in answers} == {401}
        assert (await ask(0)).status_code == 429


@pytest.mark.parametrize("fault", [Fault.REFUSE, Fault.STALL])
async def test_limits_outlive_redis(
    start: StartWith, redis_proxy: FaultProxy, fault: Fault
) -> None:
    """While Redis is away each instance counts by itself, and nobody waits a second for it."""
    async with start(rate_limit_per_ip=20) as one:
        assert (await one.client.get("/orders")).status_code == 401
        await redis_proxy.set(fault)
        begun = time.monotonic()
        answers = await burst([one.client], 40)
        assert time.monotonic() - begun < 5
        statuses = [answer.status_code for answer in answers]
        assert set(statuses) <= {401, 429}
        assert 19 <= statuses.count(401) <= 22
        await redis_proxy.set(Fault.NONE)
