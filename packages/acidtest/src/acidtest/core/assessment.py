"""From marks to one assessment, as a pure function: weights can change without a new run.

What nobody could tell leaves the denominator and is named; what was lost keeps the id of the
finding or check that lost it, down to the points of the total.
"""

from collections.abc import Iterable, Mapping, Sequence

from pydantic import BaseModel, ConfigDict

from acidtest.core.finding import Finding, Severity
from acidtest.core.mark import Mark
from acidtest.core.weights import Area, Level, Line, Profile


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AreaScore(_Row):
    """One area of the profile as it came out."""

    name: str
    title: str
    weight: float
    """As the profile says it."""
    possible: float = 0.0
    """Points of the total it is worth, once what was not assessed has left; 0 when nothing was."""
    earned: float = 0.0
    level: int | None = None
    """1 to 5, where the profile has a scale."""
    anchor: str = ""
    """What that level looks like in this area, in the profile's words."""
    costs: dict[str, float] = {}
    """Points of the total lost, by id of a finding or a check."""
    withheld: float = 0.0
    """Points of the total that another area's share did not let it have."""
    unassessed: dict[str, str] = {}
    """Lines of the area about which nobody could tell, and why."""


class Ceiling(_Row):
    """A bound on the whole that came into force."""

    points: float
    reason: str
    finding: str
    """Id of the finding that set it."""


class Stop(_Row):
    """Where a review that stops at the first major issue stopped."""

    area: str
    findings: tuple[str, ...]
    """Ids of what must be mended first, the worst first."""


class Assessment(_Row):
    """What all stages together come to under one profile."""

    profile: str
    points: float | None
    """0 to 100; None when nothing could be told, or when the profile has no total."""
    level: int | None = None
    areas: tuple[AreaScore, ...]
    ceiling: Ceiling | None = None
    assessed: float = 0.0
    """Share of the profile's weight about which somebody could tell, between 0 and 1."""
    stop: Stop | None = None


def assess(
    profile: Profile,
    marks: Sequence[Mark],
    *,
    findings: Iterable[Finding] = (),
    severities: Mapping[str, Severity] | None = None,
) -> Assessment:
    """Weigh `marks` as `profile` says.

    Args:
        profile: the weights.
        marks: what the stages found, any number for a criterion.
        findings: what was read; confirmed ones may cap the whole.
        severities: how bad each id in the marks' costs is, for a profile that stops.
    """
    seen = tuple(findings)
    weighed = [_weigh(area, marks) for area in profile.areas]
    told = sum(area.weight for area, one in zip(profile.areas, weighed, strict=True) if one.told)
    scores = _bounded(profile, [one.scored(told) for one in weighed])
    rows = tuple(
        _levelled(profile, area, row) for area, row in zip(profile.areas, scores, strict=True)
    )
    # Not of the rounded rows: what lost nothing is a hundred.
    earned = round(sum(row.earned for row in scores), 2)
    ceiling = _ceiling(profile, seen, earned)
    points = None if profile.stops_at or not told else _under(ceiling, earned)
    whole = sum(area.weight for area in profile.areas)
    return Assessment(
        profile=profile.name,
        points=points,
        level=None if points is None else _level(profile.levels, points),
        areas=rows,
        ceiling=ceiling,
        assessed=round(sum(one.area.weight * one.told for one in weighed) / whole, 4),
        stop=_stop(profile, rows, {**{f.id: f.severity for f in seen}, **(severities or {})}),
    )


class _Weighed(_Row):
    """An area before it is known what the others are worth."""

    area: Area
    told: float
    """Share of its lines about which somebody could tell."""
    share: float
    costs: dict[str, float]
    unassessed: dict[str, str]

    def scored(self, told_weight: float) -> AreaScore:
        """The area in points of the total, of which `told_weight` is the whole."""
        possible = 100 * self.area.weight / told_weight if self.told else 0.0
        return AreaScore(
            name=self.area.name,
            title=self.area.title,
            weight=self.area.weight,
            possible=possible,
            earned=possible * self.share,
            costs={name: possible * cost for name, cost in self.costs.items()},
            unassessed=self.unassessed,
        )


def _weigh(area: Area, marks: Sequence[Mark]) -> _Weighed:
    """What the lines of one area come to, without those about which nobody could tell."""
    lines = [(line, _marks_of(area, line, marks)) for line in area.lines]
    told = [(line, [m for m in of_line if m.share is not None]) for line, of_line in lines]
    weight = sum(line.weight for line, known in told if known)
    share, costs = 0.0, dict[str, float]()
    for line, known in told:
        together = sum(mark.weight for mark in known)
        for mark in known:
            part = line.weight / weight * mark.weight / together
            share += part * (mark.share or 0.0)
            for name, cost in mark.costs.items():
                costs[name] = costs.get(name, 0.0) + part * cost
    unassessed = {
        line.criteria: "; ".join(m.reason for m in of_line if m.reason) or "nobody looked"
        for (line, of_line), (_, known) in zip(lines, told, strict=True)
        if not known
    }
    whole = sum(line.weight for line in area.lines)
    return _Weighed(area=area, told=weight / whole, share=share, costs=costs, unassessed=unassessed)


def _marks_of(area: Area, line: Line, marks: Sequence[Mark]) -> list[Mark]:
    """The marks a line takes; a line that names a criterion has it before one with a pattern."""
    named = {one.criteria for one in area.lines if one is not line}
    return [m for m in marks if line.takes(m.criterion) and m.criterion not in named]


def _bounded(profile: Profile, scores: Sequence[AreaScore]) -> list[AreaScore]:
    """Hold each area down to the share of the one it is bound to."""
    by_name = {row.name: row for row in scores}
    held = []
    for area, row in zip(profile.areas, scores, strict=True):
        other = by_name.get(area.no_more_than or "")
        if other is None or not other.possible or not row.possible:
            held.append(row)
            continue
        most = row.possible * other.earned / other.possible
        less = max(0.0, row.earned - most)
        held.append(row.model_copy(update={"earned": row.earned - less, "withheld": less}))
    return held


def _levelled(profile: Profile, area: Area, row: AreaScore) -> AreaScore:
    """The row rounded for people, with its level and what that looks like."""
    share = row.earned / row.possible if row.possible else None
    level = None if share is None else _level(profile.levels, 100 * share)
    return row.model_copy(
        update={
            "possible": round(row.possible, 2),
            "earned": round(row.earned, 2),
            "withheld": round(row.withheld, 2),
            "costs": {n: round(c, 2) for n, c in sorted(row.costs.items(), key=_dearest)},
            "level": level,
            "anchor": area.anchors.get(level or 0, ""),
        }
    )


def _dearest(item: tuple[str, float]) -> tuple[float, str]:
    return -item[1], item[0]


def _level(levels: Sequence[Level], points: float) -> int | None:
    reached = [level.level for level in levels if round(points, 2) >= level.least]
    return reached[-1] if reached else None


def _ceiling(profile: Profile, findings: Iterable[Finding], points: float) -> Ceiling | None:
    """The lowest bound below `points` that a confirmed finding sets."""
    found = [
        Ceiling(points=cap.points, reason=cap.reason, finding=finding.id)
        for cap in profile.caps
        for finding in findings
        if finding.confirmed and cap.holds_for(finding.criterion, finding.severity)
    ]
    lowest = min(found, key=lambda one: (one.points, one.finding), default=None)
    return lowest if lowest is not None and lowest.points < points else None


def _under(ceiling: Ceiling | None, points: float) -> float:
    return points if ceiling is None else ceiling.points


def _stop(
    profile: Profile, rows: Sequence[AreaScore], severities: Mapping[str, Severity]
) -> Stop | None:
    if profile.stops_at is None:
        return None
    for row in rows:
        bad = [
            name
            for name in row.costs
            if severities.get(name, Severity.MAJOR).rank >= profile.stops_at.rank
        ]
        if bad:
            worst = sorted(bad, key=lambda name: -severities.get(name, Severity.MAJOR).rank)
            return Stop(area=row.name, findings=tuple(worst))
    return None
