"""`acidtest grade`: judge a submission and write the reports that were asked for."""

from pathlib import Path
from typing import Annotated, NamedTuple

import typer
from rich.console import Console
from rich.text import Text

from acidtest.catalogue.loader import load_problem
from acidtest.cli import wiring
from acidtest.cli.archive import JUDGEMENT, PAGE
from acidtest.cli.choices import (
    Driver,
    Problem,
    Profile,
    Quick,
    Source,
    Subdirectory,
    Unsafe,
    chosen_driver,
)
from acidtest.cli.exits import of_judgement
from acidtest.core.errors import UsageError
from acidtest.core.judgement import Judgement
from acidtest.grader.reports import render_html, render_json, render_junit
from acidtest.grader.request import GradeRequest

STDOUT = "-"

_Only = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="CHECK", help="Ask this check only; may be given again."),
]
_Seed = Annotated[
    int | None,
    typer.Option("--seed", help="Draw the same values as a run with this seed.", min=0),
]
_Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="FOLDER",
        file_okay=False,
        help="Write judgement.json, report.html and junit.xml here.",
    ),
]
_Json = Annotated[
    str | None, typer.Option("--json", metavar="FILE", help="Write the judgement; - is stdout.")
]
_Junit = Annotated[
    str | None, typer.Option("--junit", metavar="FILE", help="Write JUnit XML; - is stdout.")
]
_Html = Annotated[
    str | None, typer.Option("--html", metavar="FILE", help="Write the report as one HTML file.")
]
_Threshold = Annotated[
    float,
    typer.Option(
        "--threshold", min=0, max=100, metavar="POINTS", help="Exit with 1 below this score."
    ),
]
_Keep = Annotated[
    bool, typer.Option("--keep", help="Never forget this run; else the newest 50 are kept.")
]


class _Wanted(NamedTuple):
    """One report that was asked for."""

    target: str
    text: str


def grade(
    source: Source,
    problem: Problem,
    *,
    subdir: Subdirectory = None,
    quick: Quick = False,
    only: _Only = None,
    profile: Profile = None,
    driver: Driver = None,
    local_unsafe: Unsafe = False,
    seed: _Seed = None,
    out: _Out = None,
    json: _Json = None,
    junit: _Junit = None,
    html: _Html = None,
    threshold: _Threshold = 0.0,
    keep: _Keep = False,
) -> None:
    """Judge a submission: build it, run it in a sandbox, ask what production would ask.

    What was found is shown as it is found. Every run is kept with its report and can be asked again
    with `acidtest replay`.
    """
    if [json, junit, html].count(STDOUT) > 1:
        raise UsageError("Only one report can go to standard output (-).")
    chosen = chosen_driver(driver, unsafe=local_unsafe)
    archive = wiring.archive()
    folder, service = _with_neighbours(_absolute(source), subdir, problem)
    request = GradeRequest(
        source=folder,
        problem=problem,
        state=archive.state,
        subdirectory=service,
        quick=quick,
        only=tuple(only or ()),
        profile=profile,
        driver=chosen,
        allow_unsafe=chosen == wiring.UNSAFE,
        seed=seed,
    )
    console = wiring.screen(stderr=STDOUT in {json, junit, html})
    judgement = wiring.run_grading(request, console)
    kept = archive.add(judgement, request, keep=keep)
    _write(judgement, out=out, json=json, junit=junit, html=html)
    _say_where(console, html if html not in {None, STDOUT} else str(kept / PAGE))
    raise typer.Exit(of_judgement(judgement, threshold=threshold))


def _absolute(source: str) -> str:
    """`source` so that it can be found again from another folder."""
    path = Path(source).expanduser()
    return str(path.resolve()) if path.exists() else source


def _with_neighbours(source: str, subdir: str | None, problem: str) -> tuple[str, str | None]:
    """The problem's own reference with the packages beside it that it needs; others as given."""
    if subdir is None and Path(source).is_dir():
        package = load_problem(problem)
        root = (package.folder / package.reference.root).resolve()
        if root / package.reference.path == Path(source):
            return str(root), package.reference.path
    return source, subdir


def _write(
    judgement: Judgement,
    *,
    out: Path | None,
    json: str | None,
    junit: str | None,
    html: str | None,
) -> None:
    renderings = (
        (json, JUDGEMENT, render_json),
        (junit, "junit.xml", render_junit),
        (html, PAGE, render_html),
    )
    for given, name, render in renderings:
        targets = [target for target in (given, str(out / name) if out else None) if target]
        if targets:
            text = render(judgement)
            for target in targets:
                _write_one(_Wanted(target, text))


def _write_one(wanted: _Wanted) -> None:
    if wanted.target == STDOUT:
        typer.echo(wanted.text, nl=False)
        return
    path = Path(wanted.target)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted.text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}.") from error


def _say_where(console: Console, page: str | None) -> None:
    console.print(Text("Report  ", style="bold") + Text(page or ""), soft_wrap=True)
