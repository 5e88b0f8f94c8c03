"""Options that several commands share, spelled once."""

from pathlib import Path
from typing import Annotated

import typer

from acidtest.catalogue.loader import problem_slugs
from acidtest.catalogue.profiles import profile_names
from acidtest.cli.wiring import UNSAFE
from acidtest.core.errors import AcidTestError, UsageError


def complete_problem(incomplete: str) -> list[str]:
    """The problems whose names begin so."""
    try:
        return [slug for slug in problem_slugs() if slug.startswith(incomplete)]
    except AcidTestError:
        return []


Source = Annotated[
    str,
    typer.Argument(
        metavar="FOLDER|ARCHIVE|GIT",
        help="The submission: a folder, a .zip or .tar archive, or a git address, with "
        "@COMMIT at its end where a certain commit is meant.",
        show_default=False,
    ),
]
Problem = Annotated[
    str,
    typer.Option(
        "--problem",
        "-p",
        metavar="PROBLEM",
        help="The problem it answers; `acidtest problems` lists them.",
        autocompletion=complete_problem,
        show_default=False,
    ),
]
SomeProblem = Annotated[
    str,
    typer.Argument(
        metavar="PROBLEM",
        help="A problem; `acidtest problems` lists them.",
        autocompletion=complete_problem,
        show_default=False,
    ),
]


def _complete_profile(incomplete: str) -> list[str]:
    try:
        return [name for name in profile_names() if name.startswith(incomplete)]
    except AcidTestError:
        return []


Profile = Annotated[
    str | None,
    typer.Option(
        "--profile",
        metavar="PROFILE",
        help="Who weighs it: a file of catalogue/profiles. The problem's own when not said.",
        autocompletion=_complete_profile,
        show_default=False,
    ),
]
MergeSarif = Annotated[
    list[Path] | None,
    typer.Option(
        "--merge-sarif",
        metavar="FILE",
        help="A SARIF report of another tool about its code, merged with what ours see; may be "
        "given again.",
        exists=True,
        dir_okay=False,
        show_default=False,
    ),
]
Subdirectory = Annotated[
    str | None,
    typer.Option(
        "--subdir", metavar="PATH", help="The service's folder inside it.", show_default=False
    ),
]
Quick = Annotated[
    bool, typer.Option("--quick", help="Leave out what takes minutes: load, crashes, outages.")
]
Driver = Annotated[
    str | None,
    typer.Option(
        "--driver",
        metavar="NAME",
        help="How it is isolated: bwrap, docker or podman; the first that works when not said.",
        show_default=False,
    ),
]
Unsafe = Annotated[
    bool,
    typer.Option(
        "--local-unsafe", help="Run it without isolation, with your rights: only code you trust."
    ),
]


def chosen_driver(driver: str | None, *, unsafe: bool) -> str | None:
    """The driver that `--driver` and `--local-unsafe` ask for together.

    Raises:
        UsageError: they contradict each other.
    """
    if unsafe and driver not in {None, UNSAFE}:
        raise UsageError(f"--local-unsafe and --driver {driver} contradict each other.")
    return UNSAFE if unsafe else driver
