"""Profiles: what an employer weighs, as data; the same run can be read with any of them."""

from fnmatch import fnmatchcase
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from acidtest.core.finding import Severity


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Line(_Part):
    """What one line of an area takes in."""

    criteria: str
    """A criterion, or a pattern of them such as `tests.*`."""
    weight: float = Field(default=1.0, gt=0)

    def takes(self, criterion: str) -> bool:
        """Whether a mark of this criterion counts here."""
        return fnmatchcase(criterion, self.criteria)


class Area(_Part):
    """One row of the table that an employer reads."""

    name: str = Field(pattern=r"^[a-z][a-z_]*$")
    title: str
    weight: float = Field(gt=0)
    lines: tuple[Line, ...] = Field(min_length=1)
    no_more_than: str | None = None
    """An area whose share this one cannot exceed, as speed counts for nothing without truth."""
    anchors: dict[int, str] = {}
    """What each level of the scale looks like here."""


class Cap(_Part):
    """What no amount of other merit outweighs."""

    criteria: str
    """Pattern of the criteria whose findings cap."""
    severity: Severity = Severity.CRITICAL
    """This bad, or worse."""
    points: float = Field(ge=0, le=100)
    """The whole is worth no more than this, once such a finding is confirmed."""
    reason: str

    def holds_for(self, criterion: str, severity: Severity) -> bool:
        """Whether a confirmed finding of this kind caps the whole."""
        return fnmatchcase(criterion, self.criteria) and severity.rank >= self.severity.rank


class Level(_Part):
    """One step of the 1-5 scale."""

    level: int = Field(ge=1, le=5)
    least: float = Field(ge=0, le=100)
    """Points from which on it holds."""
    title: str


class Profile(_Part):
    """One way to weigh what was found."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    title: str
    source: str
    """Where the weights are from."""
    areas: tuple[Area, ...] = Field(min_length=1)
    caps: tuple[Cap, ...] = ()
    levels: tuple[Level, ...] = ()
    stops_at: Severity | None = None
    """Read the areas in order and stop at the first finding this bad; then there is no total."""

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        names = [area.name for area in self.areas]
        if len(names) != len(set(names)):
            raise ValueError("two areas of one name")
        for area in self.areas:
            if area.no_more_than is not None and area.no_more_than not in names:
                raise ValueError(f"{area.name} is bound to {area.no_more_than}, which is no area")
        least = [level.least for level in self.levels]
        if least != sorted(least):
            raise ValueError("levels must ascend")
        return self
