"""Evidence: what was seen on the wire, on one clock, so that a lost point can be seen again.

Every record carries `at`, seconds on the run's monotonic clock (see `core.clock`), so that
requests, statements, cache commands, log lines and injected faults can be drawn on one line.
All text in here may come from a submission and is hostile: whoever shows it must escape it.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

MAX_TEXT = 4_096
"""Characters kept of any single text in evidence; more is cut and marked."""


def clip(text: str, limit: int = MAX_TEXT, *, end: int = 0) -> str:
    """Return `text` cut to `limit` characters, saying in their place how many were left out.

    Args:
        text: what may be too long.
        limit: how many characters are kept.
        end: how many of these are kept from the end, as where a stack trace names its error.
    """
    if len(text) <= limit:
        return text
    left_out = f"… [{len(text) - limit} more characters]"
    return text[: limit - end] + left_out + (text[-end:] if end else "")


def encodable(text: str) -> str:
    """Return `text` with lone surrogates written out, so that it can always be stored as UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


Text = Annotated[str, AfterValidator(encodable)]
"""Text from outside, of whatever characters, that can be stored."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    at: float
    """Seconds since the run began."""


class HttpExchange(_Record):
    """One request and what came back."""

    type: Literal["http"] = "http"
    method: Text
    url: Text
    request_headers: dict[Text, Text] = {}
    request_body: Text | None = None
    status: int | None = None
    """None when no answer came."""
    response_headers: dict[Text, Text] = {}
    response_body: Text = ""
    error: Text | None = None
    seconds: float = 0.0
    replica: Text = ""
    curl: Text = ""
    """The same request as a command a person can paste."""


class SqlStatement(_Record):
    """One statement as the PostgreSQL proxy saw it go by."""

    type: Literal["sql"] = "sql"
    connection: int
    text: Text
    parameters: tuple[Text | None, ...] = ()
    """Bound values as text; None is SQL NULL, binary values are hex with a `\\x` prefix."""
    seconds: float | None = None
    rows: int | None = None
    error: Text | None = None
    """SQLSTATE and message, when the server refused it."""
    replica: Text = ""


class RedisCommand(_Record):
    """One command as the Redis proxy saw it go by."""

    type: Literal["redis"] = "redis"
    connection: int
    command: Text
    arguments: tuple[Text, ...] = ()
    reply: Text = ""
    """A short form of the reply: `nil`, `OK`, `12 bytes`, `error …`."""
    hit: bool | None = None
    """For reads of one key: whether there was a value."""
    seconds: float | None = None
    replica: Text = ""


class LogLine(_Record):
    """One line the service wrote to its standard output or error."""

    type: Literal["log"] = "log"
    stream: Literal["stdout", "stderr"]
    text: Text
    replica: Text = ""


class FaultMark(_Record):
    """Something the judge did to the service's world: a cut, a stall, a signal, its end."""

    type: Literal["fault"] = "fault"
    target: Text
    """`postgres`, `redis`, `process`, …"""
    text: Text


class Note(_Record):
    """A sentence of the check itself: what it did or counted at this moment."""

    type: Literal["note"] = "note"
    text: Text


Moment = Annotated[
    HttpExchange | SqlStatement | RedisCommand | LogLine | FaultMark | Note,
    Field(discriminator="type"),
]
"""Anything that happened at one time."""


class LatencySlot(_Record):
    """What became of the requests that were due in one short stretch of a load; times in ms."""

    seconds: float
    """Length of the stretch, which begins at `at`."""
    requests: int
    failed: int
    p50: float
    p95: float
    p99: float
    worst: float


class RequestFigures(BaseModel):
    """One kind of request in a load; times in ms."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Text
    requests: int
    failed: int
    statuses: dict[str, int] = {}
    """Answers by status."""
    p50: float
    p95: float
    p99: float


class LoadRecord(_Record):
    """One load on the service and how long answers took; times in ms, `at` is the first one due.

    A request that failed counts in the percentiles with the time after which it was given up, so
    that quick errors never make a service look fast.
    """

    name: Text
    """The profile's name."""
    warm_up: float
    """Seconds at the beginning that do not count."""
    seconds: float
    """Length of what counts."""
    asked: float
    """Requests per second that were due."""
    achieved: float
    """Requests per second that were sent."""
    requests: int
    good: int
    shed: int = 0
    """Refused by a status that the plan declares as shedding, neither good nor failed."""
    failed: int
    failures: dict[Text, int] = {}
    """How many failed for which reason."""
    percentiles: dict[str, float]
    """From the moment each was due: `50`, `90`, `95`, `99`, `99.9`, `100`."""
    from_sending: dict[str, float]
    """The same from the moment each was attended to: what the judge's own lateness cannot raise."""
    lateness: dict[str, float]
    """How late the judge attended to a request."""
    percentile: float | None = None
    """Which percentile the objective is about."""
    limit: float | None = None
    error_share: float | None = None
    """The share of failures the objective allows."""
    busy: float
    """Share of the machine's processors in use meanwhile."""
    foreign: float
    """Share in use by what belongs to neither the judge nor the service."""
    judge: float
    """Share of one processor that the judge itself took, which carries the proxies."""
    pressure: float
    """Share of the time in which something on the machine waited for a processor."""
    by_request: tuple[RequestFigures, ...] = ()
    slots: tuple[LatencySlot, ...] = ()
    marks: tuple[FaultMark, ...] = ()
    """What the judge did to the service's world meanwhile."""
    figures: dict[Text, float] = {}
    """What else was measured meanwhile, by name and unit."""
    doubts: tuple[Text, ...] = ()
    """Why these figures may say more about the machine than about the service."""
    histogram: str = ""
    """All times in microseconds as an HdrHistogram (V2, compressed, base64)."""


class Evidence(BaseModel):
    """Why a check did not pass, complete enough to see it again; on a pass what was measured."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    expected: Text = ""
    observed: Text = ""
    timeline: tuple[Moment, ...] = ()
    tables: dict[Text, list[dict[Text, Text | None]]] = {}
    """Named small row sets, such as `before` and `after`; every value as text."""
    plan: Text | None = None
    """EXPLAIN output, where a plan is the point."""
    loads: tuple[LoadRecord, ...] = ()
    """What was measured under load, in order."""
    seed: int | None = None

    @property
    def curl(self) -> tuple[str, ...]:
        """The requests of the timeline as commands, in order."""
        return tuple(m.curl for m in self.timeline if isinstance(m, HttpExchange) and m.curl)
