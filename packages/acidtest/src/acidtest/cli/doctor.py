"""`acidtest doctor`: build and start a submission as a run would, and say what was understood."""

from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from acidtest.catalogue.loader import problem_slugs
from acidtest.cli import wiring
from acidtest.cli.choices import Driver, Source, Subdirectory, Unsafe, chosen_driver
from acidtest.cli.exits import ExitCode, of_judgement
from acidtest.core.errors import UsageError
from acidtest.core.judgement import Judgement, Outcome
from acidtest.grader.reports.console import ConsoleReport
from acidtest.grader.reports.console_text import line
from acidtest.grader.request import GradeRequest

_NOT_FOUND = "not found"

_Problem = Annotated[
    str | None,
    typer.Option(
        "--problem",
        "-p",
        metavar="PROBLEM",
        help="The problem it answers; not needed while there is only one.",
        show_default=False,
    ),
]


def doctor(
    source: Source = ".",
    problem: _Problem = None,
    *,
    subdir: Subdirectory = None,
    driver: Driver = None,
    local_unsafe: Unsafe = False,
) -> None:
    """Build and start a submission, judge nothing, and say in plain words what was understood.

    The code is the one that grades. Exits with 1 when it starts and an operation was not found.
    """
    chosen = chosen_driver(driver, unsafe=local_unsafe)
    request = GradeRequest(
        source=source,
        problem=problem or _only_problem(),
        state=wiring.archive().state,
        subdirectory=subdir,
        dry_run=True,
        driver=chosen,
        allow_unsafe=chosen == wiring.UNSAFE,
    )
    console = wiring.screen()
    with ConsoleReport(console, dry=True) as report:
        judgement = wiring.run_quietly(request, report)
    missing = _tell(console, judgement)
    code = of_judgement(judgement, threshold=0)
    if judgement.outcome is Outcome.JUDGED:
        code = ExitCode.BELOW if missing else ExitCode.OK
    raise typer.Exit(code)


def _only_problem() -> str:
    slugs = problem_slugs()
    if len(slugs) != 1:
        raise UsageError(f"Say which problem it answers: --problem {' | '.join(slugs)}")
    return slugs[0]


def _tell(console: Console, judgement: Judgement) -> int:
    """Print what was understood and return how many names were not found."""
    submission = judgement.submission
    rows = [
        ("Submission", submission.label),
        ("Recognised as", submission.stack),
        ("Recognised by", submission.recognised_by),
        *(("Noticed", note) for note in submission.notes),
    ]
    missing = {k: v for k, v in judgement.dialect.items() if v.startswith(_NOT_FOUND)}
    rows += [(name, found) for name, found in judgement.dialect.items() if name not in missing]
    console.print(Text())
    for name, text in rows:
        if text:
            console.print(line((f"{name:<24}", "dim"), text), soft_wrap=True)
    for name, tried in missing.items():
        console.print(line((f"{name:<24}", "bold red"), tried), soft_wrap=True)
    if judgement.outcome is Outcome.JUDGED:
        ending = (
            "It builds, migrates and starts, but these names of the statement were not found in it:"
            f" {', '.join(missing)}; say them in the [dialect] table of acidtest.toml."
            if missing
            else "It builds, migrates, starts, and all operations were found."
        )
        console.print(Text())
        console.print(Text(ending, style="bold" if missing else "bold green"), soft_wrap=True)
    return len(missing)
