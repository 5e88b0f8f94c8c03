"""A measured figure beside its target, and the table they are printed in."""

import statistics
from collections.abc import Sequence
from typing import NamedTuple


class Figure(NamedTuple):
    """One thing that was measured several times; less is better unless a target is `at_least`."""

    name: str
    samples: tuple[float, ...]
    unit: str
    target: float | None = None
    """None where the figure only explains another one."""
    note: str = ""
    decimals: int = 2
    at_least: bool = False
    """Whether the target is the least that is good enough."""

    @property
    def median(self) -> float:
        """What counts."""
        return statistics.median(self.samples)

    @property
    def over(self) -> bool:
        """Whether the target is missed."""
        if self.target is None:
            return False
        return self.median < self.target if self.at_least else self.median > self.target

    @property
    def cells(self) -> tuple[str, ...]:
        """The row of the table."""
        lowest, highest = min(self.samples), max(self.samples)
        bound = "≥" if self.at_least else "≤"
        missed = "under" if self.at_least else "over"
        verdict = "" if self.target is None else missed if self.over else "pass"
        spread = f"{self._number(lowest)} … {self._number(highest)}"
        return (
            self.name,
            f"{self._number(self.median)} {self.unit}".strip(),
            "" if self.target is None else f"{bound} {self.target:g} {self.unit}".strip(),
            verdict,
            spread if len(self.samples) > 1 else "",
            str(len(self.samples)),
            self.note,
        )

    def _number(self, value: float) -> str:
        return f"{value:.{self.decimals}f}"


_HEAD = ("figure", "median", "target", "", "spread", "n", "")


def table(figures: Sequence[Figure]) -> str:
    """The figures as lines of text."""
    rows = [_HEAD, *(figure.cells for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
