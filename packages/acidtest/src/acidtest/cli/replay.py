"""`acidtest replay`: ask one check of the same submission again, with the same seed."""

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from acidtest.cli import wiring
from acidtest.cli.archive import PAGE, Finding
from acidtest.cli.choices import Driver, Unsafe, chosen_driver
from acidtest.cli.exits import ExitCode, of_judgement
from acidtest.core.errors import UsageError
from acidtest.core.judgement import Judgement
from acidtest.core.verdict import Status
from acidtest.grader.request import GradeRequest

_ENDINGS = {
    Status.PASS: "It passes now.",
    Status.PARTIAL: "It holds partly.",
    Status.FAIL: "It fails.",
    Status.UNKNOWN: "Nobody could tell this time.",
    Status.VOID: "The judge itself broke; this says nothing.",
    Status.SKIPPED: "It could not be asked.",
    Status.NOT_APPLICABLE: "It does not apply.",
}


def replay(
    finding: Annotated[
        str,
        typer.Argument(
            metavar="FINDING",
            help="RUN/CHECK as a report shows it, CHECK alone for the newest run that has it, or "
            "judgement.json#CHECK for a file.",
            show_default=False,
        ),
    ],
    *,
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="FOLDER|ARCHIVE|GIT",
            help="Where the submission lies now, when it has moved.",
            show_default=False,
        ),
    ] = None,
    driver: Driver = None,
    local_unsafe: Unsafe = False,
) -> None:
    """Ask one check of the same submission again, with the same seed.

    Exits with 0 when it passes now, and with 1 when it does not.
    """
    archive = wiring.archive()
    found = archive.find(finding)
    request = _request(
        found, source, chosen_driver(driver, unsafe=local_unsafe), state=archive.state
    )
    console = wiring.screen()
    judgement = wiring.run_grading(request, console)
    folder = archive.add(judgement, request)
    digest = found.judgement.submission.digest
    if digest and judgement.submission.digest not in {"", digest}:
        console.print(
            Text("Notice  ", style="bold yellow")
            + Text("The submission is not the one that was judged before: its files have changed."),
            soft_wrap=True,
        )
    verdict = next((r for r in judgement.results if r.check == found.check), None)
    if verdict:
        console.print(Text(_ENDINGS[verdict.status], style="bold"))
    console.print(Text("Report  ", style="bold") + Text(str(folder / PAGE)), soft_wrap=True)
    raise typer.Exit(_code(judgement, verdict.status if verdict else None))


def _code(judgement: Judgement, status: Status | None) -> ExitCode:
    code = of_judgement(judgement, threshold=0)
    if code is ExitCode.NOT_RUN or status is Status.VOID or status is None:
        return ExitCode.NOT_RUN if code is ExitCode.NOT_RUN else ExitCode.VOID
    return ExitCode.OK if status in {Status.PASS, Status.NOT_APPLICABLE} else ExitCode.BELOW


def _request(
    found: Finding, source: str | None, driver: str | None, *, state: Path
) -> GradeRequest:
    before = found.request
    named = source or (before.source if before else None)
    if named is None:
        raise UsageError("This judgement does not say where its submission lies; add --from.")
    options = found.judgement.options
    isolation = driver or (before.driver if before else None)
    return GradeRequest(
        source=str(Path(named).resolve()) if Path(named).exists() else named,
        problem=found.judgement.problem.slug,
        state=state,
        subdirectory=before.subdirectory if before else None,
        only=(found.check,),
        seed=options.seed,
        driver=isolation,
        # A run that was isolated is never repeated without isolation by itself.
        allow_unsafe=isolation == wiring.UNSAFE,
    )
