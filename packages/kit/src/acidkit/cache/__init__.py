"""Cache-aside on Redis: never stale after a write, never in the way when Redis is down."""

from acidkit.cache._aside import CacheAside, Codec
from acidkit.cache._flights import Flights
from acidkit.cache._link import Budget, CacheLink, CacheSettings, CacheUnavailable
from acidkit.cache._metrics import CacheMetrics

__all__ = [
    "Budget",
    "CacheAside",
    "CacheLink",
    "CacheMetrics",
    "CacheSettings",
    "CacheUnavailable",
    "Codec",
    "Flights",
]
