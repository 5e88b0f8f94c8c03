"""Buckets in this process: what is known of the shared ones, for as long as those cannot be asked.

Every process then lets a limit's whole rate pass, so an outage widens limits by the number of
processes; but it gives nobody a fresh start: each bucket goes on from where it was last seen.
"""

import time
from collections import OrderedDict
from collections.abc import Sequence

from acidkit.limits._decision import Decision, judge
from acidkit.limits._rule import Ask

SIZE = 10_000


class LocalBuckets:
    """Buckets by limit and key; beyond `size`, the one not used longest is forgotten."""

    def __init__(self, *, size: int = SIZE) -> None:
        self._size = size
        # The moment at which each bucket is full again, in microseconds of this machine's uptime.
        self._full: OrderedDict[tuple[str, str], int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._full)

    def take(self, asks: Sequence[Ask]) -> Decision:
        """Take from every bucket or from none."""
        now = _now()
        rooms = [self._room(ask, now) for ask in asks]
        passes = all(room >= 0 or ask.rate.shadow for ask, room in zip(asks, rooms, strict=True))
        if passes:
            self._keep(asks, rooms, now)
        return judge(asks, rooms, passes=passes)

    def learn(self, asks: Sequence[Ask], rooms: Sequence[int], *, passes: bool) -> None:
        """Take over how the shared buckets stand, as `judge` was told."""
        kept = [
            room if passes and room >= 0 else room + ask.weight * ask.rate.interval
            for ask, room in zip(asks, rooms, strict=True)
        ]
        self._keep(asks, kept, _now())

    def _room(self, ask: Ask, now: int) -> int:
        latest = now + ask.rate.span
        full = min(max(self._full.get(ask.bucket, now), now), latest)
        return latest - full - ask.weight * ask.rate.interval

    def _keep(self, asks: Sequence[Ask], rooms: Sequence[int], now: int) -> None:
        for ask, room in zip(asks, rooms, strict=True):
            if room >= 0:
                self._full[ask.bucket] = now + ask.rate.span - room
                self._full.move_to_end(ask.bucket)
        while len(self._full) > self._size:
            self._full.popitem(last=False)


def _now() -> int:
    return time.monotonic_ns() // 1000
