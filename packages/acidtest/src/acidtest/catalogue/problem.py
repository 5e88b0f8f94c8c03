"""A problem package as data: `problem.yaml`, with unknown keys as errors."""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RandomHex(_Model):
    """A value of the environment that is drawn anew for each run, the same for every instance."""

    random_hex: int = Field(gt=0, le=256)
    """How many hexadecimal digits; what is drawn is a secret that may come out nowhere."""
    form: str = "{}"
    """The whole value, in which each `{}` stands for digits of its own, such as `whsec_{}`."""


class GroupSpec(_Model):
    """A group of checks that share a world: one fresh database, one cache, fresh processes."""

    name: str
    title: str
    weight: float = Field(gt=0)
    criterion: str = Field(
        default="behaviour.correctness", pattern=r"^(behaviour|performance)\.[a-z_]+$"
    )
    """What its checks count for in a profile, such as `behaviour.reliability`."""
    replicas: int = Field(default=1, ge=1, le=4)
    quick: bool = True
    """Whether `--quick` runs it: no load, no stalls, no crashes."""
    fresh: Literal["group", "check"] = "group"
    """Whether each check of the group gets a world of its own."""
    env: dict[str, str] = {}
    """Extra environment of the service in this group, such as a time zone."""
    baseline: bool = False
    """Whether the problem's baseline runs beside the service, on a copy of the same data."""


class FieldSpec(_Model):
    """One field of a resource and the names other people give it."""

    names: tuple[str, ...] = Field(min_length=1)
    """Names tried in order; the first is the statement's own."""
    required: bool = False
    """Whether a client must send it."""
    produced: bool = False
    """Whether only the service sets it."""
    secret: bool = False
    """Whether it is sent and never comes back, as a password."""
    known: str | None = None
    """What must be sent here, as `resource.field` of something made before, such as a token."""


class ResourceSpec(_Model):
    """A noun of the problem with its fields by canonical name."""

    fields: dict[str, FieldSpec]


class OperationSpec(_Model):
    """An operation of the problem in the statement's own words."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    """Template in canonical names, such as `/books/{book_id}/reviews`."""
    aliases: tuple[str, ...] = ()
    """Other templates tried when the first is not there."""
    sends: str | None = None
    """Resource of the request body."""
    returns: str | None = None
    """Resource of the answer, or of each item when `many`."""
    many: bool = False
    auth: Literal["bearer"] | None = None
    """How it is asked as a signed-in user; None where nobody need be signed in."""
    keyed: bool = False
    """Whether each request carries an `Idempotency-Key` of its own."""


class AccountsSpec(_Model):
    """Which operations make a user and sign one in; the problem has no users without it."""

    register_with: str = "register"
    """The operation that stores a new user."""
    log_in_with: str = "login"
    """The operation that answers with tokens."""
    token: str = "access_token"  # noqa: S105 - the name of a field
    """The field of that answer which is the bearer token."""
    refresh_token: str = "refresh_token"  # noqa: S105 - the name of a field
    """The field of that answer which buys the next one."""


class ObjectiveSpec(_Model):
    """What must hold of the answers under a load."""

    percentile: float = Field(default=95.0, gt=0, le=100)
    limit_ms: float = Field(gt=0)
    """Most milliseconds at that percentile, from when a request is due to the end of its answer."""
    error_share: float = Field(default=0.001, ge=0, lt=1)
    """Largest share of requests without a right answer in time."""


class LoadSpec(_Model):
    """A load that the problem asks a service to carry."""

    rate: float = Field(gt=0, le=10_000)
    """Requests per second, whatever the service does."""
    seconds: float = Field(gt=0, le=600)
    """How long it is measured."""
    warm_up: float = Field(default=0.0, ge=0, le=120)
    """Seconds of the same load before, which do not count."""
    users: int = Field(default=1, ge=1, le=10_000)
    """How many users take turns, so that limits per user are not what is measured."""
    mix: dict[str, float] = {}
    """Weights by name of a plan's request; those not named are not sent. Empty: the plan's own."""
    arrivals: Literal["poisson", "uniform"] = "poisson"
    timeout: float = Field(default=5.0, gt=0, le=60)
    """Seconds after which a request has failed; also the time it counts with."""
    connections: int = Field(default=512, ge=1, le=8_192)
    """Most connections open at once; beyond them a request waits, and its time runs."""
    objective: ObjectiveSpec | None = None


class ReferenceSpec(_Model):
    """Where the reference service lies."""

    root: str
    """Folder of the repository that holds all it needs, relative to the package."""
    path: str
    """The service inside that folder."""
    include: tuple[str, ...]
    """What of the root is copied, as paths relative to it."""


class Problem(_Model):
    """One problem of the catalogue."""

    slug: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    uuid: str
    version: str
    title: str
    level: Literal["L1", "L2", "L3", "L4"]
    minutes: int
    seeds: tuple[str, ...]
    profile: str = "seed-001"
    """Name of the profile that weighs a submission unless another is asked for."""
    needs: tuple[Literal["postgres", "redis"], ...]
    contract: Literal["lenient", "strict"] = "lenient"
    requirements: dict[str, str]
    """Requirement ids with one sentence each; the same ids as in `statement.md`."""
    operations: dict[str, OperationSpec]
    """In an order in which they can be found out: what makes a thing before what needs it."""
    accounts: AccountsSpec | None = None
    env: dict[str, str | RandomHex] = {}
    """Environment of the service in every group, beyond its port, database and cache."""
    resources: dict[str, ResourceSpec]
    groups: tuple[GroupSpec, ...]
    loads: dict[str, LoadSpec] = {}
    """Loads that checks put on the service, by name."""
    dataset: str | None = None
    """Folder of SQL files, relative to the package, whose data is there before the migrations."""
    baseline: str | None = None
    """Folder of a service, relative to the package, that a submission is compared with."""
    reference: ReferenceSpec
    folder: Path = Field(default=Path(), exclude=True)
    """Where the package lies; set by the loader."""


def schema() -> dict[str, Any]:
    """The JSON Schema of `problem.yaml`; published as `schemas/problem.schema.json`."""
    whole = Problem.model_json_schema()
    # The folder is where the loader found the file, not something the file says.
    del whole["properties"]["folder"]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **whole}
