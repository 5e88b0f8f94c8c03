"""Takes units from buckets, all of a request's in one step that no other request can come between.

The algorithm is GCRA (ITU-T I.371): a bucket is one number, the moment at which it would be full
again. It lives in Redis and is measured with the clock of Redis, so that any number of processes
share it and none can be wrong about the time; its key expires at that very moment.
"""

import hashlib
from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter
from redis.exceptions import NoScriptError, RedisError

from acidkit.cache import CacheLink, CacheUnavailable
from acidkit.errors import Unavailable
from acidkit.limits._buckets import LocalBuckets
from acidkit.limits._decision import Decision, judge
from acidkit.limits._rate import OnOutage
from acidkit.limits._rule import Ask
from acidkit.limits._turns import Turns

PATIENCE = 0.05

# A number that is no number, of another type or from another rate is as good as none: the bucket
# is then full, or at most empty. All values are whole microseconds, which a double holds exactly.
SCRIPT = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local passes, due, rooms = 1, {}, {}
for i, key in ipairs(KEYS) do
  local interval, burst = tonumber(ARGV[4 * i - 3]), tonumber(ARGV[4 * i - 2])
  local weight, shadow = tonumber(ARGV[4 * i - 1]), ARGV[4 * i] == '1'
  local full = tonumber(redis.pcall('GET', key))
  if not full or not (full > now) then full = now end
  if full > now + burst * interval then full = now + burst * interval end
  due[i] = full + weight * interval
  rooms[i] = now + burst * interval - due[i]
  if rooms[i] < 0 and not shadow then passes = 0 end
end
if passes == 1 then
  for i, key in ipairs(KEYS) do
    if rooms[i] >= 0 then
      local life = math.ceil((due[i] - now) / 1000)
      redis.call('SET', key, string.format('%.0f', due[i]), 'PX', string.format('%.0f', life))
    end
  end
end
return {passes, unpack(rooms)}
"""
DIGEST = hashlib.sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()


class LimitMetrics:
    """Counts what limits decided, per limit."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.decisions = Counter(
            "rate_limit_decisions",
            "Requests by limit and outcome: allowed, refused or would_refuse (shadow).",
            labelnames=("limit", "outcome"),
            registry=registry,
        )
        self.outages = Counter(
            "rate_limit_outages",
            "Requests judged without Redis, by limit and policy: local, allow or deny.",
            labelnames=("limit", "policy"),
            registry=registry,
        )


class Limiter:
    """Decides over requests on the buckets of one service.

    Redis is asked once per request and waited for at most `patience` seconds when it is silent; the
    link's breaker ends even that while it is down. Then each limit does what its rate declares.
    """

    def __init__(
        self, link: CacheLink, *, name: str, metrics: LimitMetrics, patience: float = PATIENCE
    ) -> None:
        self._turns = Turns(link, patience=patience)
        self._name = name
        self._metrics = metrics
        self._local = LocalBuckets()

    async def take(self, asks: Sequence[Ask]) -> Decision:
        """Take what a request wants from every bucket, or nothing from any and say so.

        Raises:
            Unavailable: Redis cannot be asked and a limit's policy is to deny.
        """
        if not asks:
            return Decision(refused=False, standings=())
        try:
            decision = await self._shared(asks)
        except CacheUnavailable:
            decision = self._without_redis(asks)
        self._count(decision)
        return decision

    async def _shared(self, asks: Sequence[Ask]) -> Decision:
        rest: list[str | int] = [len(asks), *(self._key(ask) for ask in asks)]
        for ask in asks:
            rest += [ask.rate.interval, ask.rate.burst, ask.weight, int(ask.rate.shadow)]
        reply = await self._turns.ask(("EVALSHA", DIGEST, *rest))
        if isinstance(reply, NoScriptError):
            reply = await self._turns.ask(("EVAL", SCRIPT, *rest))
        if isinstance(reply, RedisError):
            # Full, or turned into a replica: it answers, but cannot count.
            raise CacheUnavailable from reply
        passes, *rooms = reply
        self._local.learn(asks, rooms, passes=bool(passes))
        return judge(asks, rooms, passes=bool(passes))

    def _without_redis(self, asks: Sequence[Ask]) -> Decision:
        for ask in asks:
            self._metrics.outages.labels(ask.name, ask.rate.on_outage).inc()
        if any(ask.rate.on_outage is OnOutage.DENY and not ask.rate.shadow for ask in asks):
            raise Unavailable("The limits of this service cannot be checked now.")
        return self._local.take([ask for ask in asks if ask.rate.on_outage is OnOutage.LOCAL])

    def _count(self, decision: Decision) -> None:
        for standing in decision.standings:
            outcome = "allowed"
            if standing.violated:
                outcome = "would_refuse" if standing.rate.shadow else "refused"
            elif decision.refused:
                # It would have let this request pass; another limit did not.
                continue
            self._metrics.decisions.labels(standing.name, outcome).inc()

    def _key(self, ask: Ask) -> str:
        # The braces keep a request's buckets on one node of a cluster.
        return f"{{{self._name}:limits}}:{':'.join(ask.bucket)}"
