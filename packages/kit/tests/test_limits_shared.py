import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from random import Random

import pytest
import redis.asyncio
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from acidkit.cache import CacheLink, CacheMetrics, CacheSettings
from acidkit.errors import Unavailable
from acidkit.limits import Ask, Limiter, LimitMetrics, LocalBuckets, Rate, _buckets, _limiter
from acidkit.testing import Fault, FaultProxy, RedisServer, at_once

pytestmark = pytest.mark.lab

SECOND = 1_000_000
PREFIX = "{orders:limits}"

PROCESS = """
import asyncio, json, sys
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from acidkit.cache import CacheLink, CacheMetrics, CacheSettings
from acidkit.limits import Ask, Limiter, LimitMetrics, Rate

async def main(url, count):
    registry = CollectorRegistry()
    link = CacheLink(CacheSettings(url=SecretStr(url)), metrics=CacheMetrics(registry))
    await link.start()
    limiter = Limiter(link, name="orders", metrics=LimitMetrics(registry), patience=20)
    ask = Ask("key", Rate.parse("100/1h"), "one key")
    sys.stdout.write("ready\\n"); sys.stdout.flush()
    sys.stdin.readline()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(limiter.take([ask])) for _ in range(count)]
    await link.close()
    print(sum(not task.result().refused for task in tasks))

asyncio.run(main(sys.argv[1], 250))
"""


def ask(rate: str, *, name: str = "ip", key: str = "198.51.100.7", weight: int = 1) -> Ask:
    """Return one bucket's worth of a request."""
    return Ask(name, Rate.parse(rate), key, weight)


class Bench:
    """Makes limiters as separate processes would have them: each with its own link."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self.registry = CollectorRegistry()
        self.links: list[CacheLink] = []

    async def limiter(self, url: str, *, patience: float = 5) -> Limiter:
        """Return a limiter that has tried to reach Redis."""
        self.registry = CollectorRegistry()
        link = CacheLink(
            CacheSettings(url=SecretStr(url)), metrics=CacheMetrics(CollectorRegistry())
        )
        self._stack.push_async_callback(link.close)
        await link.start()
        self.links.append(link)
        return Limiter(link, name="orders", metrics=LimitMetrics(self.registry), patience=patience)

    def counted(self, name: str, **labels: str) -> float:
        """Return what the newest limiter counted."""
        return self.registry.get_sample_value(f"{name}_total", labels) or 0.0


@pytest.fixture
async def bench(raw: "redis.asyncio.Redis") -> AsyncIterator[Bench]:
    """A bench on an empty Redis."""
    assert await raw.dbsize() == 0
    async with AsyncExitStack() as stack:
        yield Bench(stack)


async def start_process(url: str) -> asyncio.subprocess.Process:
    """Start a process that sends its requests when it is told to."""
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROCESS, url, stdin=pipe, stdout=pipe
    )


async def passed(limiter: Limiter, count: int, *asks: Ask) -> int:
    """Return how many of `count` requests pass, one after the other."""
    decisions = [await limiter.take(asks) for _ in range(count)]
    return sum(not decision.refused for decision in decisions)


async def elapse(raw: "redis.asyncio.Redis", seconds: float) -> None:
    """Move every bucket into the past, as if so much time had gone by."""
    for key in await raw.keys("*"):
        full = int(await raw.get(key) or 0)
        await raw.set(key, str(full - int(seconds * SECOND)), keepttl=True)


async def test_two_limiters_let_exactly_the_quota_pass(
    bench: Bench, redis_server: RedisServer
) -> None:
    """Of 500 requests at once over two limiters, 100 pass at 100 an hour."""
    limiters = [await bench.limiter(redis_server.url) for _ in range(2)]
    decisions = await at_once(500, lambda number: limiters[number % 2].take([ask("100/1h")]))
    left = [each.standings[0].remaining for each in decisions if not each.refused]
    assert sorted(left) == list(range(100))


async def test_two_processes_let_exactly_the_quota_pass(
    bench: Bench, redis_server: RedisServer
) -> None:
    """Two processes that share nothing but Redis let 100 of their 500 requests pass together."""
    assert bench
    children = [await start_process(redis_server.url) for _ in range(2)]
    async with asyncio.timeout(60):
        for child in children:
            assert child.stdout
            await child.stdout.readuntil(b"ready\n")
        outputs = await at_once(2, lambda number: children[number].communicate(b"go\n"))
    assert sum(int(printed.split()[-1]) for printed, _ in outputs) == 100


async def test_refused_request_takes_nothing(
    bench: Bench, redis_server: RedisServer, raw: "redis.asyncio.Redis"
) -> None:
    """When one of several limits refuses, the others keep their units."""
    limiter = await bench.limiter(redis_server.url)
    wide, narrow = ask("10/1h", name="ip"), ask("1/1h", name="user", key="u1")
    assert await passed(limiter, 5, wide, narrow) == 1
    decision = await limiter.take([wide, narrow])
    assert [each.name for each in decision.shown] == ["user"]
    assert (decision.standings[0].remaining, decision.standings[0].violated) == (9, False)
    assert await passed(limiter, 20, wide) == 9
    assert sorted(await raw.keys("*")) == [
        f"{PREFIX}:ip:198.51.100.7".encode(),
        f"{PREFIX}:user:u1".encode(),
    ]


async def test_no_edge_at_which_a_client_has_twice_its_due(
    bench: Bench, redis_server: RedisServer, raw: "redis.asyncio.Redis"
) -> None:
    """A minute's quota used at once comes back one by one, not at the turn of a minute."""
    limiter = await bench.limiter(redis_server.url)
    assert await passed(limiter, 100, ask("60/1h")) == 60
    await elapse(raw, 59)
    assert await passed(limiter, 3, ask("60/1h")) == 0
    await elapse(raw, 61)
    assert await passed(limiter, 5, ask("60/1h")) == 2
    await elapse(raw, 3600)
    assert await passed(limiter, 100, ask("60/1h")) == 60


async def test_burst_and_weight(bench: Bench, redis_server: RedisServer) -> None:
    """A burst bounds what passes at once, and a heavy request takes its weight."""
    limiter = await bench.limiter(redis_server.url)
    assert await passed(limiter, 10, ask("100/1h;burst=3", key="a")) == 3
    assert await passed(limiter, 10, ask("100/1h;burst=10", key="b", weight=4)) == 2
    assert await passed(limiter, 10, ask("100/1h;burst=10", key="b")) == 2


async def test_shadow_limit_counts_and_lets_pass(bench: Bench, redis_server: RedisServer) -> None:
    """A limit in shadow refuses nobody and shows nothing; its counter says what it would do."""
    limiter = await bench.limiter(redis_server.url)
    trial, real = ask("2/1h;shadow", name="trial"), ask("4/1h", name="real")
    assert await passed(limiter, 6, trial, real) == 4
    assert [each.name for each in (await limiter.take([trial])).shown] == []
    count = "rate_limit_decisions"
    assert bench.counted(count, limit="trial", outcome="would_refuse") == 5
    assert bench.counted(count, limit="trial", outcome="allowed") == 2
    assert bench.counted(count, limit="real", outcome="refused") == 2


async def test_clock_of_the_service_does_not_matter(
    bench: Bench, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Services an hour before and after the time share one limit as if they were right."""
    limiters = [await bench.limiter(redis_server.url) for _ in range(3)]
    now = time.time()
    found = []
    for limiter, skew in zip(limiters, (0, 3600, -3600), strict=True):
        monkeypatch.setattr(time, "time", lambda skew=skew: now + skew)
        decision = await limiter.take([ask("3/1h")])
        found.append((decision.refused, decision.standings[0].remaining))
    assert found == [(False, 2), (False, 1), (False, 0)]


async def test_every_key_expires_when_its_bucket_is_full(
    bench: Bench, redis_server: RedisServer, raw: "redis.asyncio.Redis"
) -> None:
    """A bucket is kept until it is full, and a client's text never makes a long key."""
    limiter = await bench.limiter(redis_server.url)
    await passed(limiter, 30, ask("60/1h", key="x" * 100_000))
    (key,) = await raw.keys("*")
    assert len(key) < 120
    assert 0 < await raw.pttl(key) <= 30 * 60 * 1000


POISON = ["garbage", "", "nan", "inf", "-1", "9" * 300, "1e400", "0x10"]


@pytest.mark.parametrize("poison", [*POISON, None])
async def test_poisoned_bucket_heals(
    bench: Bench, redis_server: RedisServer, raw: "redis.asyncio.Redis", poison: str | None
) -> None:
    """Whatever somebody else left under a key, the limit works again after one filling at most."""
    limiter = await bench.limiter(redis_server.url)
    key = f"{PREFIX}:ip:198.51.100.7"
    await (raw.rpush(key, "a list") if poison is None else raw.set(key, poison))
    before = await passed(limiter, 9, ask("5/1h"))
    assert before in {0, 5}
    if before == 0:
        await raw.delete(key)
        assert await passed(limiter, 9, ask("5/1h")) == 5
    assert await passed(limiter, 9, ask("5/1h")) == 0
    assert bench.counted("rate_limit_outages", limit="ip", policy="local") == 0


async def test_changed_rate_does_not_lock_anybody_out(
    bench: Bench, redis_server: RedisServer, raw: "redis.asyncio.Redis"
) -> None:
    """A bucket left by a slower rate is at most empty under the new one."""
    limiter = await bench.limiter(redis_server.url)
    await passed(limiter, 5, ask("5/1d"))
    decision = await limiter.take([ask("60/1m")])
    assert decision.refused
    assert decision.standings[0].wait == 1
    await raw.script_flush()
    assert await passed(limiter, 70, ask("60/1m", key="another")) == 60


@pytest.mark.parametrize("fault", [Fault.REFUSE, Fault.RESET, Fault.STALL])
async def test_outage_is_judged_as_each_limit_declares(
    bench: Bench, redis_proxy: FaultProxy, fault: Fault
) -> None:
    """Without Redis, `allow` lets pass, `deny` answers 503, `local` goes on from where it was."""
    limiter = await bench.limiter(f"redis://127.0.0.1:{redis_proxy.port}/0", patience=0.05)
    local, allow = ask("5/1h"), ask("1/1h;on_outage=allow", name="allow")
    deny = ask("1/1h;on_outage=deny", name="deny")
    assert await passed(limiter, 3, local) == 3
    assert await passed(limiter, 2, allow) == 1
    await redis_proxy.set(fault)
    assert await passed(limiter, 10, local) == 2
    assert await passed(limiter, 10, allow) == 10
    with pytest.raises(Unavailable):
        await limiter.take([local, deny])
    assert bench.counted("rate_limit_outages", limit="ip", policy="local") == 11
    await redis_proxy.set(Fault.NONE)
    (link,) = bench.links
    assert link._recovery
    await link._recovery
    outages = bench.counted("rate_limit_outages", limit="ip", policy="local")
    assert await passed(limiter, 9, ask("5/1h", key="another")) == 5
    assert bench.counted("rate_limit_outages", limit="ip", policy="local") == outages


async def test_frozen_redis_is_soon_no_longer_asked(
    bench: Bench, redis_server: RedisServer, raw: "redis.asyncio.Redis"
) -> None:
    """Of a crowd that meets a silent Redis nobody waits in line: two exchanges, then none."""
    assert await raw.dbsize() == 0
    limiter = await bench.limiter(redis_server.url, patience=0.05)
    await limiter.take([ask("1000/1h")])
    (link,) = bench.links
    redis_server.freeze()
    try:
        for _ in range(2):
            await at_once(300, lambda _: limiter.take([ask("1000/1h")]))
        assert not link.trusted
        errors = link.metrics.errors.labels("TimeoutError")._value.get()
        await at_once(300, lambda _: limiter.take([ask("1000/1h")]))
        assert bench.counted("rate_limit_outages", limit="ip", policy="local") == 900
        # What is counted besides is the link's own recovery, not requests.
        assert errors <= 2 + 5
        # Nobody is left in line whose units would be taken after the outage.
        assert not limiter._turns._queue
    finally:
        redis_server.thaw()


async def test_full_redis_is_an_outage(
    bench: Bench, redis_server: RedisServer, raw: "redis.asyncio.Redis"
) -> None:
    """A Redis that answers but cannot store does not open the limits."""
    limiter = await bench.limiter(redis_server.url)
    before = await raw.config_get("maxmemory")
    await raw.config_set("maxmemory", "1")
    try:
        assert await passed(limiter, 9, ask("5/1h")) == 5
    finally:
        await raw.config_set("maxmemory", str(before["maxmemory"]))
    assert bench.counted("rate_limit_outages", limit="ip", policy="local") == 9


async def test_script_and_local_buckets_agree(
    raw: "redis.asyncio.Redis", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both write the same algorithm: on a thousand seeded requests they decide alike."""
    now = 1_800_000_000 * SECOND
    script = _limiter.SCRIPT.replace(
        "redis.call('TIME')", "{math.floor(ARGV[#ARGV] / 1000000), ARGV[#ARGV] % 1000000}"
    )
    monkeypatch.setattr(_buckets, "_now", lambda: now)
    buckets, random = LocalBuckets(), Random(7)
    rates = ["10/1m;burst=4", "3/7s", "100/1h;burst=9;shadow", "7/11s;burst=1"]
    outcomes = set()
    for number in range(1000):
        now += random.randrange(3 * SECOND)
        asks = [
            ask(rate, name=f"r{place}", key=random.choice("ab"), weight=random.randint(1, 2))
            for place, rate in enumerate(random.sample(rates, 2))
        ]
        words: list[str | int] = []
        for each in asks:
            words += [each.rate.interval, each.rate.burst, each.weight, int(each.rate.shadow)]
        keys = [":".join((str(each.rate), *each.bucket)) for each in asks]
        passes, *rooms = await raw.eval(script, len(asks), *keys, *words, now)
        named = [each._replace(name=str(each.rate) + each.name) for each in asks]
        decision = buckets.take(named)
        outcomes.add(decision.refused)
        for key in keys:
            await raw.persist(key)
        assert (decision.refused, number) == (not passes, number)
        assert [each.violated for each in decision.standings] == [room < 0 for room in rooms]
    assert outcomes == {True, False}
