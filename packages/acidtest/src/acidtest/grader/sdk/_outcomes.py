"""How a check says anything but yes: typed outcomes, raised, with what a person needs to see."""

from typing import NoReturn


class Outcome(Exception):  # noqa: N818 - not an error but a verdict on its way up
    """A verdict other than a pass, on its way to the engine."""


class Failed(Outcome):
    """The service broke a requirement, and here is the witness."""

    def __init__(
        self,
        claim: str,
        *,
        expected: str = "",
        observed: str = "",
        tables: dict[str, list[dict[str, str | None]]] | None = None,
        plan: str | None = None,
        share: float | None = None,
    ) -> None:
        super().__init__(claim)
        self.claim = claim
        self.expected = expected
        self.observed = observed
        self.tables = tables or {}
        self.plan = plan
        self.share = share


class Untold(Outcome):
    """We could not tell, and this is why."""


class Voided(Outcome):
    """The judge or the machine was in the way; worth another try on a fresh world."""


class Inapplicable(Outcome):
    """The statement leaves this open and the service does not offer it."""


class Unmet(Outcome):
    """Something this check rests on did not hold, so it could not be asked."""


def fail(
    claim: str,
    *,
    expected: str = "",
    observed: str = "",
    tables: dict[str, list[dict[str, str | None]]] | None = None,
    plan: str | None = None,
    share: float | None = None,
) -> NoReturn:
    """End the check as failed.

    Args:
        claim: what is wrong, in a sentence a person understands without the code.
        expected: what the statement asks for.
        observed: what was seen instead; may quote hostile text.
        tables: named small row sets to show, such as `before` and `after`.
        plan: EXPLAIN output where the plan is the point.
        share: earned share of the weight when the check is partly right, between 0 and 1.
    """
    raise Failed(claim, expected=expected, observed=observed, tables=tables, plan=plan, share=share)


def unknown(reason: str) -> NoReturn:
    """End the check without a verdict: the judge could not tell, which costs nothing."""
    raise Untold(reason)


def void(reason: str) -> NoReturn:
    """End the check because the judge or the machine was in the way; it is tried once more."""
    raise Voided(reason)


def not_applicable(reason: str) -> NoReturn:
    """End the check because the statement leaves it open and the service does not offer it."""
    raise Inapplicable(reason)


def unmet(reason: str) -> NoReturn:
    """End the check because what it rests on did not hold; it earns nothing."""
    raise Unmet(reason)
