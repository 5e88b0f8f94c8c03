"""When requests are due: drawn from a seed before the load begins, so that nothing can move them.

A room of its own because this is what makes the loop open: the schedule knows nothing of the
service, and a slow answer delays no later request.
"""

import random
from array import array
from collections.abc import Sequence

MAX_ARRIVALS = 2_000_000
"""Requests of one load; with their figures about 60 MB."""


def schedule(rate: float, seconds: float, *, arrivals: str, seed: int | str) -> "array[float]":
    """Return the seconds after the beginning at which requests are due, in order.

    Args:
        rate: requests per second.
        seconds: how long.
        arrivals: `uniform` spaces them evenly; `poisson` scatters exactly as many independently, as
            the arrivals of a Poisson process lie once their number is known (its order statistics).
        seed: of the scattering.

    Raises:
        ValueError: there would be none, or more than `MAX_ARRIVALS`.
    """
    count = round(rate * seconds)
    if not 0 < count <= MAX_ARRIVALS:
        raise ValueError(f"{rate:g} per second for {seconds:g} s are {count} requests")
    if arrivals == "uniform":
        return array("d", (number * seconds / count for number in range(count)))
    dice = random.Random(f"{seed}:arrivals")  # noqa: S311 - repeatable, not secret
    return array("d", sorted(dice.random() * seconds for _ in range(count)))


def dispersion(times: Sequence[float], *, window: float = 0.010) -> float:
    """Index of dispersion of the counts per `window` seconds: 0 for even, 1 for Poisson arrivals.

    Variance over mean; bursts show as values far above 1.
    """
    if not times:
        return 0.0
    first = min(times)
    counts = [0] * (int((max(times) - first) / window) + 1)
    for at in times:
        counts[int((at - first) / window)] += 1
    mean = len(times) / len(counts)
    return sum((count - mean) ** 2 for count in counts) / len(counts) / mean
