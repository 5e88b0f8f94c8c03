"""What reading the sample submission showed: findings of every severity, with hostile words."""

from acidtest.core.assessment import Assessment, assess
from acidtest.core.finding import Finding, Place, Severity, numbered
from acidtest.core.mark import Mark, mark_of
from acidtest.core.result import CheckInfo
from acidtest.core.score import severities_of
from acidtest.core.weights import Area, Cap, Level, Line, Profile

PROFILE = Profile(
    name="sample",
    title="A sample",
    source="a test",
    areas=(
        Area(
            name="work",
            title="Functionality",
            weight=50,
            lines=(Line(criteria="behaviour.*"),),
            anchors={1: "Little works.", 3: "It works for one user.", 5: "Everything holds."},
        ),
        Area(
            name="code",
            title="Code quality",
            weight=30,
            lines=(Line(criteria="code.*"), Line(criteria="security.*")),
            anchors={1: "Nobody could change it.", 5: "It reads well."},
        ),
        Area(name="tests", title="Testing", weight=10, lines=(Line(criteria="tests.*"),)),
        Area(
            name="speed",
            title="Performance",
            weight=10,
            lines=(Line(criteria="performance.*"),),
            no_more_than="work",
        ),
    ),
    caps=(Cap(criteria="security.*", points=49, reason="Anybody can sign in as anybody."),),
    levels=tuple(
        Level(level=number, least=least, title=str(number))
        for number, least in enumerate((0, 40, 60, 78, 92), start=1)
    ),
)


def findings(hostile: str) -> tuple[Finding, ...]:
    """Findings in files, one of them confirmed on the running service."""
    return numbered(
        [
            Finding(
                rule="security.signing_default",
                criterion="security.secrets",
                severity=Severity.CRITICAL,
                message="A token signed with the default secret was accepted",
                why="Whoever reads the repository can sign in as anybody.",
                place=Place(file="app/settings.py", line=12, quote='SECRET = "dev…"'),
                tools=("acidtest signing-default",),
                confirmed=True,
            ),
            Finding(
                rule="errors.swallowed",
                criterion="code.errors",
                severity=Severity.MAJOR,
                message="An error is caught and forgotten: " + hostile,
                why="What failed is answered as if it had worked.",
                place=Place(file=f"app/{hostile}.py", line=7, end_line=9, quote=hostile),
                related=(Place(file="app/other.py", line=3),),
                tools=("ruff S110",),
            ),
            Finding(
                rule="documentation.readme_tests",
                criterion="code.documentation",
                severity=Severity.MINOR,
                message="No command in the README runs the tests",
                why="Tests that nobody knows how to run are not run.",
                place=Place(file="README.md"),
                tools=("acidtest readme-tests",),
            ),
            Finding(
                rule="errors.blind",
                criterion="code.errors",
                severity=Severity.NOTE,
                message="Any exception is caught in one place (silenced by its author)",
                why="A mistake in the code and an outage are told apart by nobody.",
                place=Place(file="app/web.py", line=136, quote="except Exception:  # noqa: BLE001"),
                tools=("ruff BLE001",),
            ),
        ]
    )


def marks(found: tuple[Finding, ...]) -> tuple[Mark, ...]:
    """What these findings cost, and what nobody could tell."""
    secret, swallowed, readme, _ = (one.id for one in found)
    return (
        mark_of("code.errors", {swallowed: 0.3}, reason="ruff"),
        mark_of("code.documentation", {readme: 0.15}, reason="the README"),
        Mark(criterion="code.types", reason="types are not counted in Ruby"),
        mark_of("security.secrets", {secret: 0.8}, reason="the tree"),
        Mark(criterion="tests.kills", reason="it has no tests that could be run"),
    )


def weighed(
    found: tuple[Finding, ...], all_marks: tuple[Mark, ...], checks: tuple[CheckInfo, ...]
) -> Assessment:
    """The assessment of the sample."""
    return assess(PROFILE, all_marks, findings=found, severities=severities_of(checks))
