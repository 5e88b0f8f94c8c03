"""`acidtest grade`: judge a submission and write the reports that were asked for."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from acidtest.catalogue.loader import load_problem
from acidtest.cli import wiring
from acidtest.cli.archive import PAGE
from acidtest.cli.choices import (
    Driver,
    MergeSarif,
    Problem,
    Profile,
    Quick,
    Source,
    Subdirectory,
    Unsafe,
    chosen_driver,
)
from acidtest.cli.exits import of_judgement
from acidtest.cli.renderings import (
    Annotations,
    Ctrf,
    Gradescope,
    Html,
    Json,
    Junit,
    Out,
    Prairielearn,
    Sarif,
    Summary,
    Wanted,
)
from acidtest.grader.request import GradeRequest

_Only = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="CHECK", help="Ask this check only; may be given again."),
]
_Seed = Annotated[
    int | None,
    typer.Option("--seed", help="Draw the same values as a run with this seed.", min=0),
]
_Threshold = Annotated[
    float,
    typer.Option(
        "--threshold",
        min=0,
        max=100,
        metavar="POINTS",
        help="Exit with 1 below these points for behaviour.",
    ),
]
_Keep = Annotated[
    bool, typer.Option("--keep", help="Never forget this run; else the newest 50 are kept.")
]


def grade(
    source: Source,
    problem: Problem,
    *,
    subdir: Subdirectory = None,
    quick: Quick = False,
    only: _Only = None,
    profile: Profile = None,
    merge_sarif: MergeSarif = None,
    driver: Driver = None,
    local_unsafe: Unsafe = False,
    seed: _Seed = None,
    out: Out = None,
    json: Json = None,
    junit: Junit = None,
    html: Html = None,
    sarif: Sarif = None,
    ctrf: Ctrf = None,
    github_summary: Summary = None,
    annotations: Annotations = None,
    gradescope: Gradescope = None,
    prairielearn: Prairielearn = None,
    threshold: _Threshold = 0.0,
    keep: _Keep = False,
) -> None:
    """Judge a submission: build it, run it in a sandbox, ask what production would ask.

    What was found is shown as it is found. Every run is kept with its report and can be asked again
    with `acidtest replay`.
    """
    asked = {
        "json": json,
        "junit": junit,
        "html": html,
        "sarif": sarif,
        "ctrf": ctrf,
        "github-summary": github_summary,
        "annotations": annotations,
        "gradescope": gradescope,
        "prairielearn": prairielearn,
    }
    wanted = Wanted(asked, out)
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
        sarif=_checked(merge_sarif or ()),
        driver=chosen,
        allow_unsafe=chosen == wiring.UNSAFE,
        seed=seed,
    )
    console = wiring.screen(stderr=wanted.takes_stdout)
    judgement = wiring.run_grading(request, console)
    kept = archive.add(judgement, request, keep=keep)
    wanted.write(judgement, source=str(Path(folder, service or "")))
    _say_where(console, wanted.page() or str(kept / PAGE))
    raise typer.Exit(of_judgement(judgement, threshold=threshold))


def _checked(reports: Iterable[Path]) -> tuple[Path, ...]:
    """The reports of other tools, each of which can be read."""
    # The stages take a while to load, and help must not wait for them.
    from acidtest.grader.stages.foreign import check_sarif  # noqa: PLC0415 - see above

    paths = tuple(report.resolve() for report in reports)
    for path in paths:
        check_sarif(path)
    return paths


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


def _say_where(console: Console, page: str) -> None:
    console.print(Text("Report  ", style="bold") + Text(page), soft_wrap=True)
