"""What a load sends: templates of requests, the users they are sent for, and what must come back.

A room of its own because checks write plans and the generator, in a process of its own, carries
them out: everything in here is plain data that crosses between the two.
"""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

PLACE = re.compile(r"\$\{([a-z][a-z0-9_]*)\}")
"""A place in a template: `${name}`."""
BUILT_IN = frozenset({"n", "uuid", "word"})
"""Made anew for every request: its number, a version-4 UUID, a word of twelve letters."""
MAX_USERS, MAX_VALUES, MAX_TEXT = 10_000, 200_000, 262_144


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("a path or header holds no control characters")
    return text


Line = Annotated[str, Field(max_length=8_192), AfterValidator(_one_line)]
Value = Line | Annotated[tuple[Line, ...], Field(min_length=1, max_length=MAX_VALUES)]
"""A text, or several of which every request takes one by chance."""
Status = Annotated[int, Field(ge=100, le=599)]


class _Plan(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LoadRequest(_Plan):
    """One kind of request. `${name}` in path, headers, body and `equals` stands for a value."""

    name: str = Field(min_length=1, max_length=60)
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    path: Line
    """Percent-encoded already, with its query."""
    headers: dict[Line, Line] = {}
    body: str | None = Field(default=None, max_length=MAX_TEXT)
    weight: float = Field(default=1.0, gt=0)
    """Its share among the plan's requests, where the profile's `mix` says nothing."""
    expect: tuple[Status, ...] = (200,)
    """Statuses of a good answer; any other is a failure, like an answer that does not come."""
    shed: tuple[Status, ...] = ()
    """Statuses that refuse by design, such as 429 and 503; neither good nor failed."""
    keys: tuple[str, ...] = ()
    """Paths that a good JSON body must hold, such as `id` or `items.0.total`."""
    equals: dict[str, str] = {}
    """Values a good JSON body must hold, as text, by path; such as `{"id": "${order_id}"}`."""
    every: int = Field(default=1, ge=1)
    """`keys` and `equals` are looked at in one of so many answers."""
    capture: str | None = None
    """Path of a value of good JSON bodies that is handed back to the check."""


class LoadPlan(_Plan):
    """The requests of a load, mixed by weight; every request is sent for the next user in turn."""

    requests: tuple[LoadRequest, ...] = Field(min_length=1, max_length=200)
    users: tuple[dict[str, Value], ...] = Field(default=(), max_length=MAX_USERS)
    """Values of each user, such as a token and the ids of what is theirs."""
    values: dict[str, Value] = {}
    """Values that are the same for everybody; a user's own win."""
    skew: dict[str, float] = {}
    """How unevenly one of several values is taken: exponent of Zipf's law, 0 being even."""
    captures: int = Field(default=20_000, ge=0, le=MAX_VALUES)
    """Most captured values handed back; more are counted and dropped."""
    max_body: int = Field(default=1_048_576, ge=1, le=16_777_216)
    """Bytes of an answer beyond which it counts as a failure."""

    @model_validator(mode="after")
    def _places_are_known(self) -> Self:
        known = {*BUILT_IN, *self.values}
        if self.users:
            known |= set(self.users[0]).intersection(*self.users[1:])
        for request in self.requests:
            if strange := sorted(places(request) - known):
                raise ValueError(f"{request.name}: nothing is given for {', '.join(strange)}")
        names = [request.name for request in self.requests]
        if len(set(names)) != len(names):
            raise ValueError("two requests have the same name")
        return self


def places(request: LoadRequest) -> set[str]:
    """Names of the values that a request needs."""
    texts = (
        request.path,
        *request.headers.values(),
        request.body or "",
        *request.equals.values(),
    )
    return {name for text in texts for name in PLACE.findall(text)}
