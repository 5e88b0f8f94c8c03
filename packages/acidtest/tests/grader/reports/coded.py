"""The sample judgement once more, of a submission whose files were read and weighed as well."""

from types import ModuleType

from acidtest.core.assessment import assess
from acidtest.core.finding import Finding, Place, Severity, numbered
from acidtest.core.judgement import Judgement
from acidtest.core.mark import Mark, mark_of
from acidtest.core.score import marks_of_checks, severities_of
from acidtest.core.verdict import Visibility
from acidtest.core.weights import Area, Cap, Level, Line, Profile

COMMANDS = "\n::error file=x::owned\r\n##[error]owned %0A::warning::owned\x1b[31m"
MARKDOWN = (
    "`` ` ``` <img src=x> @octocat [a](http://evil.example) ![b](c) | # | www.evil.example #1 {0}"
)
HIDDEN_CHECK = "isbn_race_has_one_winner"

PROFILE = Profile(
    name="tried",
    title="Tried",
    source="these tests",
    areas=(
        Area(
            name="work",
            title="Functionality",
            weight=50,
            lines=(Line(criteria="behaviour.*"), Line(criteria="performance.*")),
        ),
        Area(name="code", title="Code quality", weight=30, lines=(Line(criteria="code.*"),)),
        Area(name="safe", title="Security", weight=10, lines=(Line(criteria="security.*"),)),
        Area(name="tests", title="Testing", weight=10, lines=(Line(criteria="tests.*"),)),
    ),
    caps=(Cap(criteria="security.*", points=49, reason="What can be broken into is not ready."),),
    levels=tuple(
        Level(level=number, least=least, title=str(number))
        for number, least in enumerate((0, 40, 60, 80, 92), start=1)
    ),
)  # fmt: skip


def findings() -> tuple[Finding, ...]:
    """Findings of every severity: with lines, without, in the history, silenced, and hostile."""
    return numbered(
        [
            Finding(
                rule="errors.swallowed",
                criterion="code.errors",
                severity=Severity.MAJOR,
                message="An error is caught and forgotten: except Exception: pass",
                why="What failed is answered as if it had worked.",
                place=Place(file="app/books.py", line=41, end_line=43, quote="except Exception:"),
                tools=("ruff S110",),
            ),
            Finding(
                rule="duplication.block",
                criterion="code.duplication",
                severity=Severity.MINOR,
                message="12 lines are written twice",
                place=Place(file="app/reviews.py", line=10, end_line=21),
                related=(Place(file="app/books.py", line=90, end_line=101),),
                tools=("acidtest copy",),
            ),
            Finding(
                rule="errors.blind",
                criterion="code.errors",
                severity=Severity.NOTE,
                message="Any exception is caught in one place (silenced by its author)",
                place=Place(file="app/main.py", line=7),
                tools=("ruff BLE001",),
            ),
            Finding(
                rule="made_up.rule",
                criterion="security.secrets",
                severity=Severity.CRITICAL,
                message="A secret is in the history",
                why="Whoever has the repository has it.",
                place=Place(file="old/ä b.env", commit="4b825dc642cb6eb9"),
                confirmed=True,
            ),
            Finding(
                rule="readme.missing",
                criterion="code.documentation",
                severity=Severity.MINOR,
                message="There is no README",
            ),
            Finding(
                rule="style.hostile",
                criterion="code.style",
                severity=Severity.MINOR,
                message=MARKDOWN + COMMANDS,
                place=Place(file="app/a,b:c\n::error::%.py", line=1, quote=MARKDOWN + COMMANDS),
            ),
        ]
    )


def judgement(sample: ModuleType) -> Judgement:
    """The sample with what its files showed, weighed; one of its failing checks is hidden."""
    plain: Judgement = sample.judgement()
    found = findings()
    checks = tuple(
        info.model_copy(update={"visibility": Visibility.HIDDEN})
        if info.id == HIDDEN_CHECK
        else info
        for info in plain.checks
    )
    ids = {one.rule: one.id for one in found}
    marks = (
        *marks_of_checks(plain.groups, checks, {row.check: row for row in plain.results}),
        mark_of("code.errors", {ids["errors.swallowed"]: 0.3}, figures={"handlers": 12.0}),
        mark_of("code.duplication", {ids["duplication.block"]: 0.2}, figures={"copies": 24.0}),
        mark_of("code.documentation", {ids["readme.missing"]: 0.5}),
        mark_of("code.style", {ids["style.hostile"]: 0.1}),
        mark_of("security.secrets", {ids["made_up.rule"]: 0.5}),
        Mark(criterion="tests.killed", reason="no tests were found"),
    )  # fmt: skip
    return plain.model_copy(
        update={
            "checks": checks,
            "findings": found,
            "marks": marks,
            "assessment": assess(PROFILE, marks, findings=found, severities=severities_of(checks)),
        }
    )
