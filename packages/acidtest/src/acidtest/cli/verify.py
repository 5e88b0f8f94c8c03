"""`acidtest verify`: hold a problem package to what it promises of its own submissions."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from acidtest.cli import wiring
from acidtest.cli.choices import Driver, Quick, SomeProblem, Unsafe, chosen_driver
from acidtest.cli.exits import ExitCode
from acidtest.core.events import CheckStarted, Event, Progress, RunStarted
from acidtest.core.judgement import Outcome
from acidtest.grader.reports import one_line, write_html
from acidtest.grader.reports.matrix import case_line, matrix_lines

if TYPE_CHECKING:
    from acidtest.grader.verify import CaseResult


def verify(
    problem: SomeProblem,
    *,
    repeat: Annotated[
        int, typer.Option("--repeat", min=1, metavar="N", help="Rounds of the right submissions.")
    ] = 1,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only",
            metavar="CASE",
            help="One suspect, or a kind: reference, submission, suspect, junk; may be repeated.",
        ),
    ] = None,
    quick: Quick = False,
    reports: Annotated[
        Path | None,
        typer.Option("--reports", metavar="DIR", help="Write the report of every case to DIR."),
    ] = None,
    driver: Driver = None,
    local_unsafe: Unsafe = False,
) -> None:
    """Grade everything a problem package keeps and print the kill matrix.

    Right submissions must pass, every planted mistake must fail exactly the checks it names, junk
    must earn nothing. Exits with 1 when anything is off.
    """
    chosen = chosen_driver(driver, unsafe=local_unsafe)
    console = wiring.screen()

    def told(result: "CaseResult") -> None:
        console.print(case_line(result), soft_wrap=True)
        if reports is not None:
            reports.mkdir(parents=True, exist_ok=True)
            write_html(result.judgement, reports / f"{result.case.name}.html")

    noticed: set[str] = set()
    with console.status("starting") as status:

        def listen(event: Event) -> None:
            if isinstance(event, RunStarted) and event.notice not in {"", *noticed}:
                noticed.add(event.notice)
                console.print(Text(f"Notice: {event.notice}", style="bold"), soft_wrap=True)
            elif isinstance(event, Progress):
                status.update(Text(one_line(f"{event.stage}: {event.text}", limit=100)))
            elif isinstance(event, CheckStarted):
                status.update(Text(event.check))

        matrix = wiring.run_verification(
            problem,
            repeat=repeat,
            only=only or (),
            quick=quick,
            driver=chosen,
            told=told,
            listen=listen,
        )
    for text in matrix_lines(matrix):
        console.print(text, soft_wrap=True)
    if any(result.judgement.outcome is Outcome.VOID for result in matrix.results):
        raise typer.Exit(ExitCode.VOID)
    raise typer.Exit(ExitCode.OK if matrix.ok else ExitCode.BELOW)
