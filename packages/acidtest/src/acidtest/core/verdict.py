"""Verdicts: what a check may conclude, how a failure counts, and whose fault it was.

A room of its own because everything else (engine, score, reports, platform) speaks these words.
"""

from enum import StrEnum


class Status(StrEnum):
    """What the judge concluded about one check."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    PARTIAL = "partial"
    FAIL = "fail"
    UNKNOWN = "unknown"
    """We could not tell, and say why; costs the candidate nothing."""
    VOID = "void"
    """The judge itself broke; never the candidate's failure and never a pass."""
    SKIPPED = "skipped"
    """A prerequisite did not pass, so this could not be asked; earns nothing."""
    NOT_APPLICABLE = "not_applicable"
    """The statement leaves this open and the service does not offer it."""


class Kind(StrEnum):
    """How a failure of a check counts."""

    SAFETY = "safety"
    """One witnessed violation is proof; never retried until it turns green."""
    DETERMINISTIC = "deterministic"
    TIMING = "timing"
    """Fails only when confirmed on a fresh environment; otherwise unknown."""
    ADVISORY = "advisory"
    """Reported, carries no points."""


class Owner(StrEnum):
    """Whose fault a result other than a pass is."""

    CANDIDATE = "candidate"
    GRADER = "grader"
    INFRASTRUCTURE = "infrastructure"


class Visibility(StrEnum):
    """Who may know of a check before the judgement."""

    PUBLIC = "public"
    HIDDEN = "hidden"
