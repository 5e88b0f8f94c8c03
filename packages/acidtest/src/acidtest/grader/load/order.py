"""What the judge tells the generator: one order in, at its standard input."""

from pydantic import BaseModel, ConfigDict, Field

from acidtest.catalogue.problem import LoadSpec
from acidtest.grader.load.plan import LoadPlan

MAX_ORDER = 64 * 1024 * 1024
"""Bytes of an order."""


class Order(BaseModel):
    """One load, complete."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    plan: LoadPlan
    spec: LoadSpec
    seed: str
    targets: tuple[tuple[str, int], ...] = Field(min_length=1)
    """Host and port of every instance."""
    neutral: dict[str, str] = {}
    """Headers of every request that has none of its own by that name."""
    channel: int | None = None
    """Descriptor from which sockets come (see `sockets`); None for the process's own network."""
