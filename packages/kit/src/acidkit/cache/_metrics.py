"""What the cache counts, so that hit rate and outages can be seen from outside."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class CacheMetrics:
    """Hits, misses, bypasses, loads and errors per cache, and whether Redis is in use."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.lookups = Counter(
            "cache_lookups",
            "Lookups by outcome: hit, miss, poisoned or bypass.",
            labelnames=("cache", "outcome"),
            registry=registry,
        )
        self.loads = Counter(
            "cache_loads",
            "Computations of a value from the source.",
            labelnames=("cache",),
            registry=registry,
        )
        self.errors = Counter(
            "cache_errors", "Failed exchanges with Redis.", labelnames=("kind",), registry=registry
        )
        self.up = Gauge("cache_up", "1 while Redis is in use, 0 while bypassed.", registry=registry)
