"""Findings: what reading a submission showed, each with its place and why it matters.

A room of its own beside the verdicts of checks, because a finding is seen in files and not on a
wire: several tools may see the same one, and it must keep its name when lines move.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from acidtest.core.evidence import Evidence, Text

ID_DIGITS = 16


class Severity(StrEnum):
    """What a finding means for the people who run the service."""

    CRITICAL = "critical"
    """Somebody can take or destroy what is not theirs."""
    MAJOR = "major"
    """It will be wrong in production, sooner or later."""
    MINOR = "minor"
    """It costs the next reader time."""
    NOTE = "note"
    """Worth knowing; costs nothing."""

    @property
    def rank(self) -> int:
        """How severe, 0 for a note and more for worse."""
        return list(Severity)[::-1].index(self)


class Place(BaseModel):
    """Where in a submission something was seen."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: Text
    """Path relative to the submission, with `/`."""
    line: int | None = Field(default=None, ge=1)
    """First line, counted from 1; None means the whole file."""
    end_line: int | None = Field(default=None, ge=1)
    """Last line; None means the first is the only one."""
    quote: Text = ""
    """What is written there, clipped, secrets masked; hostile text."""
    commit: str | None = None
    """Where in the history, when it is no longer in the tree."""


class Finding(BaseModel):
    """One thing to mend, or to know of."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = ""
    """Stable while the rule, the file and the quoted words stay; see `numbered`."""
    rule: str
    """Our own name of what was looked for, such as `errors.swallowed`."""
    criterion: str
    """What it counts for, such as `code.errors`; the key of a profile."""
    severity: Severity
    message: Text
    """What is wrong here, in a sentence; hostile text may be quoted in it."""
    why: str = ""
    """Why it matters to somebody who runs the service."""
    place: Place | None = None
    """None when it is about the submission as a whole."""
    related: tuple[Place, ...] = ()
    """Further places, such as the copies of a duplicated block."""
    tools: tuple[str, ...] = ()
    """Who saw it, with the tool's own code, such as `ruff S110`."""
    confirmed: bool = False
    """Whether it was shown on the running service, and not only read."""
    evidence: Evidence | None = None
    """How it was shown."""


def numbered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Give each finding its stable id, in the order given.

    The id is made of rule, file and quoted words without their spacing, and of how many equal ones
    came before: lines may be inserted above, and code may be indented, without renaming a finding.
    """
    seen: Counter[str] = Counter()
    named = []
    for finding in findings:
        place = finding.place
        words = " ".join(place.quote.split()) if place else finding.message
        about = "\0".join((finding.rule, place.file if place else "", words))
        seen[about] += 1
        digest = hashlib.sha256(f"{about}\0{seen[about]}".encode()).hexdigest()
        named.append(finding.model_copy(update={"id": digest[:ID_DIGITS]}))
    return tuple(named)
