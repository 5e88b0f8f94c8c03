"""How much is allowed: the rate, its burst and its policy for an outage, as one line of text.

It is a room of its own because a rate comes from an operator: everything below takes it as checked.
"""

import enum
import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator
from pydantic_settings import NoDecode

MICROSECONDS = 1_000_000
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
SHAPE = re.compile(r"([0-9]{1,9})/([0-9]{0,6})([smhd])")
OFF = "off"


class OnOutage(enum.StrEnum):
    """What a limit does while Redis cannot be asked."""

    LOCAL = "local"
    ALLOW = "allow"
    DENY = "deny"


@dataclass(frozen=True, kw_only=True)
class Rate:
    """`quota` units per `window` seconds in the long run, and at most `burst` of them at once.

    In any span of s seconds at most `burst + s * quota / window` units pass: there is no edge at
    which a client gets twice its due at one moment.

    Raises:
        ValueError: a number is out of range.
    """

    quota: int
    window: int
    burst: int
    shadow: bool = False
    on_outage: OnOutage = OnOutage.LOCAL

    def __post_init__(self) -> None:
        if self.quota < 1 or self.window < 1 or self.burst < 1:
            raise ValueError("a rate's quota, window and burst are at least 1")
        if self.quota > self.window * MICROSECONDS:
            raise ValueError("a rate's quota is at most a million a second")

    @property
    def interval(self) -> int:
        """The microseconds after which one more unit is due, rounded up: never above the quota."""
        return -(-self.window * MICROSECONDS // self.quota)

    @property
    def span(self) -> int:
        """The microseconds in which an empty bucket fills."""
        return self.burst * self.interval

    @classmethod
    def parse(cls, text: str) -> "Rate":
        """Read `100/1h`, `100/m;burst=20`, `5/s;shadow;on_outage=deny`.

        The burst is the whole quota unless it is given; units are s, m, h and d.

        Raises:
            ValueError: the text is not a rate; the message says which part.
        """
        amount, *options = [part.strip() for part in text.split(";")]
        found = SHAPE.fullmatch(amount.replace(" ", ""))
        if found is None:
            raise ValueError(f"not a rate: {amount[:40]!r}; write it as 100/1h or 20/s")
        quota = int(found[1])
        given = dict(_option(option) for option in options)
        return cls(
            quota=quota,
            window=int(found[2] or 1) * UNITS[found[3]],
            burst=int(given.get("burst", quota)),
            shadow="shadow" in given,
            on_outage=OnOutage(given.get("on_outage", OnOutage.LOCAL)),
        )


def _option(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    if name not in {"burst", "shadow", "on_outage"} or (name == "shadow") == bool(value):
        raise ValueError(f"not an option of a rate: {text[:40]!r}")
    return name, value


def _read(given: object) -> object:
    if not isinstance(given, str):
        return given
    return None if given.strip().lower() == OFF else Rate.parse(given)


RateSetting = Annotated[Rate | None, NoDecode, BeforeValidator(_read)]
"""The type of a settings field: a rate as text, or `off`, which gives None."""
