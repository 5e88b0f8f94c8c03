"""From a plan to the bytes of one request after the other, each with what must come back.

Everything random comes from the seed, so that the same load can be sent again. A request is made
while the one before it is under way, so that making it delays nobody.
"""

import random
import uuid
from bisect import bisect
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from acidtest.grader.load.plan import PLACE, LoadPlan, LoadRequest, places

_LETTERS = "bcdfghjklmnpqrstvwxz"
_BODY_METHODS = {"POST", "PUT", "PATCH"}


class Shot(NamedTuple):
    """One request ready to be sent."""

    kind: int
    """Number of its request in the plan."""
    user: int
    head: tuple[bytes, bytes]
    """What comes before and after the name of the host; the second ends with the body."""
    equals: tuple[tuple[str, str], ...]
    """Paths of the answer with the text that must be there."""
    look: bool
    """Whether its answer's body is looked at."""


class Magazine:
    """Makes the shots of one load, one at a time."""

    def __init__(
        self,
        plan: LoadPlan,
        *,
        mix: Mapping[str, float],
        neutral: Mapping[str, str],
        seed: int | str,
    ) -> None:
        """Prepare the templates.

        Args:
            plan: what to send.
            mix: weights that win over the plan's own; empty leaves them.
            neutral: headers of every request, where it has none of its own by that name.
            seed: of all choices.
        """
        self._dice = random.Random(f"{seed}:shots")  # noqa: S311 - repeatable, not secret
        weights = [mix.get(r.name, 0.0) if mix else r.weight for r in plan.requests]
        self._shares = list(accumulate(weights))
        if not self._shares[-1] or set(mix) - {request.name for request in plan.requests}:
            raise ValueError("the mix of the profile names requests that the plan does not have")
        self._forms = [_Form(request, neutral) for request in plan.requests]
        self._sources = _Sources(plan)
        self._users = len(plan.users)
        self._number = 0
        self._sent_of = [0] * len(self._forms)

    def make(self) -> Shot:
        """The next shot."""
        kind = bisect(self._shares, self._dice.random() * self._shares[-1])
        kind = min(kind, len(self._forms) - 1)
        user = self._number % self._users if self._users else 0
        form = self._forms[kind]
        chosen = {
            name: self._sources.value(name, user, number=self._number, dice=self._dice)
            for name in form.names
        }
        self._number += 1
        self._sent_of[kind] += 1
        look = (self._sent_of[kind] - 1) % form.every == 0
        return Shot(kind, user, form.head(chosen), form.expected(chosen), look)


class _Sources:
    """Where the values of places come from."""

    def __init__(self, plan: LoadPlan) -> None:
        self._users = plan.users
        self._values = plan.values
        self._skew = plan.skew
        self._shares: dict[tuple[str, int], list[float]] = {}

    def value(self, name: str, user: int, *, number: int, dice: random.Random) -> str:
        own = self._users[user] if self._users else {}
        if name in own:
            return self._one(name, own[name], dice)
        if name in self._values:
            return self._one(name, self._values[name], dice)
        if name == "n":
            return str(number)
        if name == "uuid":
            return str(uuid.UUID(int=dice.getrandbits(128), version=4))
        return "".join(dice.choices(_LETTERS, k=12))

    def _one(self, name: str, value: str | Sequence[str], dice: random.Random) -> str:
        if isinstance(value, str):
            return value
        exponent = self._skew.get(name, 0.0)
        if not exponent:
            return value[int(dice.random() * len(value))]
        shares = self._shares.get((name, len(value)))
        if shares is None:
            shares = list(accumulate(1.0 / rank**exponent for rank in range(1, len(value) + 1)))
            self._shares[name, len(value)] = shares
        return value[min(bisect(shares, dice.random() * shares[-1]), len(value) - 1)]


class _Form:
    """One request, cut at its places."""

    def __init__(self, request: LoadRequest, neutral: Mapping[str, str]) -> None:
        self.names = sorted(places(request))
        self.every = request.every
        self._line = _cut(f"{request.method} {request.path} HTTP/1.1\r\nHost: ")
        own = {name.lower() for name in request.headers}
        headers = {k: v for k, v in neutral.items() if k.lower() not in own} | request.headers
        self._headers = _cut("".join(f"{name}: {value}\r\n" for name, value in headers.items()))
        self._body = _cut(request.body or "")
        self._says_length = request.body is not None or request.method in _BODY_METHODS
        self._equals = tuple((path, _cut(text)) for path, text in request.equals.items())

    def head(self, chosen: Mapping[str, str]) -> tuple[bytes, bytes]:
        body = _filled(self._body, chosen).encode()
        length = f"Content-Length: {len(body)}\r\n" if self._says_length else ""
        rest = f"\r\n{_filled(self._headers, chosen)}{length}\r\n".encode() + body
        return _filled(self._line, chosen).encode(), rest

    def expected(self, chosen: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
        return tuple((path, _filled(parts, chosen)) for path, parts in self._equals)


def _cut(text: str) -> list[str]:
    """Literal text and names in turn, beginning and ending with literal text."""
    return PLACE.split(text)


def _filled(parts: Sequence[str], chosen: Mapping[str, str]) -> str:
    if len(parts) == 1:
        return parts[0]
    return "".join(chosen[part] if index % 2 else part for index, part in enumerate(parts))
