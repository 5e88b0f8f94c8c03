"""Who is counted for what: a named rate, the requests it is about, and what each of them costs."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from starlette.routing import compile_path

from acidkit.limits._rate import Rate

LONGEST_KEY = 63  # one less than a digest, which no key can then be mistaken for
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


class Ask(NamedTuple):
    """One bucket that a request wants `weight` units from."""

    name: str
    rate: Rate
    key: str
    weight: int = 1

    @property
    def bucket(self) -> tuple[str, str]:
        """What names the bucket; a key of any length takes bounded room."""
        if len(self.key) <= LONGEST_KEY:
            return self.name, self.key
        digest = hashlib.sha256(self.key.encode("utf-8", "surrogatepass"))
        return self.name, digest.hexdigest()


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A limit on every client of one kind.

    Args:
        name: What clients read in the RateLimit fields.
        rate: How much is allowed.
        by: Whether a bucket belongs to a network address or to a user who is signed in.
        costs: The requests it is about and their weight, such as `{"POST /auth/login": 1}`. A path
            may hold `{parameters}`; without a method it stands for all. None: every request, at 1.

    Raises:
        ValueError: the name or a weight does not fit.
    """

    name: str
    rate: Rate
    by: Literal["ip", "user"]
    costs: Mapping[str, int] | None = None
    _places: Sequence[tuple[str, re.Pattern[str], int]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise ValueError(f"not a name for a limit: {self.name[:40]!r}")
        places = []
        for place, weight in (self.costs or {}).items():
            method, _, path = place.rpartition(" ")
            if not 1 <= weight <= self.rate.burst:
                raise ValueError(f"{place} weighs {weight}, more than {self.name} ever lets pass")
            places.append((method, compile_path(path)[0], weight))
        object.__setattr__(self, "_places", tuple(places))

    def cost(self, method: str, path: str) -> int | None:
        """Return what a request weighs, or None when this rule is not about it."""
        if self.costs is None:
            return 1
        for known, pattern, weight in self._places:
            if known in {"", method} and pattern.match(path):
                return weight
        return None
