"""The judgement: everything a run found, immutable, the one source of every report."""

import hashlib
from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict

from acidtest.core.assessment import Assessment
from acidtest.core.evidence import Text
from acidtest.core.finding import Finding
from acidtest.core.mark import Mark
from acidtest.core.result import CheckInfo, CheckResult
from acidtest.core.score import GroupWeight, Score
from acidtest.core.verdict import Kind, Status


class Outcome(StrEnum):
    """How far the run came."""

    JUDGED = "judged"
    NOT_BUILT = "not_built"
    """The submission could not be read or built."""
    NOT_STARTED = "not_started"
    """It was built and never answered."""
    VOID = "void"
    """The judge broke; nothing is said about the submission."""


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SubmissionRef(_Row):
    """Which submission was judged."""

    label: Text
    digest: str = ""
    """SHA-256 of its files, in hex."""
    commit: str | None = None
    committed_at: datetime | None = None
    stack: str = ""
    recognised_by: str = ""
    notes: tuple[Text, ...] = ()
    """What was noticed while it was read and built; no points."""


class ProblemRef(_Row):
    """Which problem it was judged against."""

    slug: str
    version: str
    title: str
    requirements: dict[str, str] = {}
    """Requirement ids with their sentences."""


class RunOptions(_Row):
    """What the person asked for; with the seed, enough to run the same again."""

    seed: int
    quick: bool = False
    only: tuple[str, ...] = ()
    driver: str = ""
    isolated: bool = True
    """False when the submission ran without a sandbox."""


class Judgement(_Row):
    """The result of one run."""

    format: Literal["acidtest/judgement/1"] = "acidtest/judgement/1"
    run: str
    acidtest_version: str
    problem: ProblemRef
    submission: SubmissionRef
    options: RunOptions
    started_at: datetime
    seconds: float
    outcome: Outcome
    message: Text = ""
    """Why it was not judged, for a person."""
    log: Text = ""
    """Tail of the output that explains the message; hostile text."""
    groups: tuple[GroupWeight, ...] = ()
    checks: tuple[CheckInfo, ...] = ()
    results: tuple[CheckResult, ...] = ()
    score: Score
    environment: dict[str, str] = {}
    """Versions and machine facts."""
    timings: dict[str, float] = {}
    """Seconds by stage."""
    dialect: dict[str, Text] = {}
    """How the operations and fields of the problem were found in the service."""
    findings: tuple[Finding, ...] = ()
    """What reading the submission showed."""
    marks: tuple[Mark, ...] = ()
    """What all stages say, by criterion; enough to weigh them anew."""
    assessment: Assessment | None = None
    """The marks as one profile weighs them; None when only some checks were asked."""
    stage_notes: tuple[Text, ...] = ()
    """What reading the submission left out or could not do."""

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON, in hex: the judgement's own address."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    @property
    def failures(self) -> tuple[tuple[CheckInfo, CheckResult], ...]:
        """Failed and partial checks, the dearest first, advice last."""
        by_id = {check.id: check for check in self.checks}
        rows = [
            (by_id[result.check], result)
            for result in self.results
            if result.status in {Status.FAIL, Status.PARTIAL}
        ]
        return tuple(
            sorted(
                rows,
                key=lambda row: (
                    row[0].kind is Kind.ADVISORY,
                    -self.score.costs.get(row[0].id, 0.0),
                    row[0].id,
                ),
            )
        )
