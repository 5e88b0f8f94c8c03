"""What is known of a check, and what came of running it: the rows of a judgement."""

from pydantic import BaseModel, ConfigDict

from acidtest.core.evidence import Evidence, Text
from acidtest.core.verdict import Kind, Owner, Status, Visibility


class CheckInfo(BaseModel):
    """One check as a person reads it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    """The check's function name; stable, and the key of weights and suspects."""
    requirement: str
    """The numbered requirement of the statement it enforces, such as `R7`."""
    group: str
    kind: Kind
    weight: float
    title: str
    """One sentence that is true of a correct service."""
    explanation: str = ""
    """How the check looks, and which answers it accepts."""
    visibility: Visibility = Visibility.PUBLIC
    requires: tuple[str, ...] = ()
    """Ids of the checks without which this one would pass vacuously."""
    quick: bool = True


class CheckResult(BaseModel):
    """The verdict on one check."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    check: str
    status: Status
    message: Text = ""
    """Why it is not a pass, in one or two sentences; hostile text may be quoted in it."""
    owner: Owner | None = None
    """Whose fault; None on a pass."""
    share: float | None = None
    """For a partial verdict, the earned share of the weight, between 0 and 1."""
    evidence: Evidence | None = None
    seconds: float = 0.0
    tries: int = 1
    """How many fresh environments were asked; more than one only for timing checks."""
