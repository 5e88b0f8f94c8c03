"""Marks: how much of a criterion a submission holds, and what cost the rest.

The common coin of all stages: whether tests were run, files were read or a service was asked, what
comes out is a share of one criterion, and every lost part of it has a name that can be looked up.
"""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

_ROUNDING = 1e-6


class Mark(BaseModel):
    """One criterion as one stage saw it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    criterion: str = Field(pattern=r"^[a-z][a-z_]*\.[a-z][a-z_]*$")
    """Stage and criterion, such as `code.errors`."""
    share: float | None = Field(default=None, ge=0, le=1)
    """How much of it holds; None when nobody could tell, which costs nothing."""
    reason: str = ""
    """How it was measured, or why it was not."""
    weight: float = Field(default=1.0, gt=0)
    """Against other marks that the same line of a profile takes."""
    costs: dict[str, float] = {}
    """Lost share by id of a finding or a check; together exactly what is missing."""
    figures: dict[str, float] = {}
    """What was counted, by name."""

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        missing = 0.0 if self.share is None else 1.0 - self.share
        if abs(sum(self.costs.values()) - missing) > _ROUNDING:
            raise ValueError(f"{self.criterion}: the costs are not what is missing of the share")
        return self


def mark_of(
    criterion: str,
    costs: dict[str, float],
    *,
    reason: str = "",
    weight: float = 1.0,
    figures: dict[str, float] | None = None,
) -> Mark:
    """Make the mark of a criterion of which `costs` were lost; more than all of it cannot be.

    Costs that add up to more than 1 are scaled down together, so that each keeps its proportion.
    """
    total = sum(costs.values())
    kept = {name: cost / max(1.0, total) for name, cost in costs.items() if cost > 0}
    return Mark(
        criterion=criterion,
        share=max(0.0, 1.0 - sum(kept.values())),
        reason=reason,
        weight=weight,
        costs=kept,
        figures=figures or {},
    )
