"""What a client is told about its limits: standings, RateLimit fields and the problem of a refusal.

The fields and the problem type are those of draft-ietf-httpapi-ratelimit-headers-11.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

import http_sf

from acidkit.errors import Problem
from acidkit.limits._rate import MICROSECONDS, Rate
from acidkit.limits._rule import Ask


class Standing(NamedTuple):
    """How one bucket stands after a request was judged.

    `remaining` units may be taken at once, and one more is due after `seconds`; of a violated
    bucket, `seconds` is when the same request would pass.
    """

    name: str
    rate: Rate
    remaining: int
    seconds: float
    violated: bool

    @property
    def wait(self) -> int:
        """The same moment in whole seconds, never too early."""
        return math.ceil(self.seconds)


class Decision(NamedTuple):
    """The verdict on one request: refused, or one standing for each bucket it took from."""

    refused: bool
    standings: Sequence[Standing]

    @property
    def shown(self) -> tuple[Standing, ...]:
        """What a client may see: of a refusal only what it broke, so that no wait is longer."""
        return tuple(
            standing
            for standing in self.standings
            if not standing.rate.shadow and (standing.violated or not self.refused)
        )


class QuotaExceeded(Problem):
    """Too many requests; please wait as long as Retry-After says."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    code = "quota_exceeded"
    type_uri = "https://iana.org/assignments/http-problem-types#quota-exceeded"

    def __init__(self, violated: Sequence[Standing]) -> None:
        wait = max((standing.wait for standing in violated), default=1)
        super().__init__(
            headers={**rate_limit_fields(violated), "Retry-After": str(max(wait, 1))},
            extensions={"violated-policies": [standing.name for standing in violated]},
        )


def judge(asks: Iterable[Ask], rooms: Iterable[int], *, passes: bool) -> Decision:
    """Turn what an evaluation found into a decision.

    Args:
        asks: What the request wanted.
        rooms: For each, the microseconds by which it fitted; negative: by which it came too early.
        passes: Whether the request took what it wanted; otherwise it took nothing at all.
    """
    standings = [_standing(ask, room, taken=passes) for ask, room in zip(asks, rooms, strict=True)]
    return Decision(not passes, standings)


def _standing(ask: Ask, room: int, *, taken: bool) -> Standing:
    interval = ask.rate.interval
    violated = room < 0
    free = room if taken and not violated else room + ask.weight * interval
    remaining = max(free // interval, 0)
    wait = -room if violated else (remaining + 1) * interval - free
    return Standing(ask.name, ask.rate, remaining, wait / MICROSECONDS, violated)


def rate_limit_fields(standings: Sequence[Standing]) -> dict[str, str]:
    """Return `RateLimit-Policy` and `RateLimit`, or nothing when there is nothing to say."""
    if not standings:
        return {}
    return {
        "RateLimit-Policy": _field(
            (each.name, {"q": each.rate.quota, "w": each.rate.window}) for each in standings
        ),
        "RateLimit": _field(
            (each.name, {"r": each.remaining, "t": each.wait}) for each in standings
        ),
    }


def _field(items: Iterable[tuple[str, Mapping[str, int]]]) -> str:
    members: list[Any] = [(name, dict(parameters)) for name, parameters in items]
    return http_sf.ser(members)
