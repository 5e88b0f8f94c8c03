"""What a stage says in the end: findings, marks, and sentences about what it could not do."""

from pydantic import BaseModel, ConfigDict

from acidtest.core.evidence import Text
from acidtest.core.finding import Finding
from acidtest.core.mark import Mark


class StageOutcome(BaseModel):
    """The result of one stage."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    findings: tuple[Finding, ...] = ()
    """Each with its id."""
    marks: tuple[Mark, ...] = ()
    notes: tuple[Text, ...] = ()
    """What was left out or could not be asked, for the candidate."""
