"""`acidtest similar`: places in submissions that read alike, for a person to look at."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from acidtest.catalogue.loader import load_problem
from acidtest.cli import wiring
from acidtest.cli.choices import complete_problem
from acidtest.cli.renderings import write_file
from acidtest.core.errors import UsageError

MOST = 300
"""Submissions of one comparison, which are compared in pairs."""


def similar(
    folders: Annotated[
        list[Path],
        typer.Argument(
            metavar="FOLDER",
            help="Submissions; a single folder means the folders in it.",
            exists=True,
            file_okay=False,
            show_default=False,
        ),
    ],
    *,
    problem: Annotated[
        str | None,
        typer.Option(
            "--problem",
            "-p",
            metavar="PROBLEM",
            help="The problem they answer; what its starter holds does not count.",
            autocompletion=complete_problem,
            show_default=False,
        ),
    ] = None,
    json: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write all pairs with their places."),
    ] = None,
) -> None:
    """Say which submissions read alike, and where, as a signal and never as a verdict.

    Names, texts and order do not matter; the starter and what many share do not count. Exits with 0
    whatever is found, since nothing is concluded from it.
    """
    # The lexers take a while, and help and completion must not wait for them.
    from acidtest.grader.reports.similarity_text import (  # noqa: PLC0415 - see above
        similarity_json,
        similarity_lines,
    )
    from acidtest.grader.similarity import similar as compare  # noqa: PLC0415 - see above
    from acidtest.grader.stages.tree import read_tree  # noqa: PLC0415 - see above

    chosen = _named(_submissions(folders))
    told = compare(
        {name: read_tree(folder) for name, folder in chosen.items()},
        common=[read_tree(folder) for folder in _starters(problem)],
    )
    console = wiring.screen()
    for line in similarity_lines(told):
        console.print(line, soft_wrap=True)
    if json is not None:
        write_file(json, similarity_json(told))
        console.print(Text("All pairs  ", style="bold") + Text(str(json)), soft_wrap=True)


def _submissions(folders: Sequence[Path]) -> list[Path]:
    if len(folders) == 1:
        inside = (entry for entry in folders[0].iterdir() if not entry.name.startswith("."))
        folders = sorted(entry for entry in inside if entry.is_dir() and not entry.is_symlink())
    chosen = list(dict.fromkeys(folder.resolve() for folder in folders))
    if len(chosen) < 2:  # noqa: PLR2004 - there is nothing to be like
        raise UsageError("Likeness takes at least two submissions.")
    if len(chosen) > MOST:
        raise UsageError(f"At most {MOST} submissions can be compared at once.")
    return chosen


def _named(folders: Sequence[Path]) -> dict[str, Path]:
    """Each folder by as much of the end of its path as tells it from the others."""
    for depth in range(1, max(len(folder.parts) for folder in folders) + 1):
        named = {"/".join(folder.parts[-depth:]): folder for folder in folders}
        if len(named) == len(folders):
            return named
    return {str(folder): folder for folder in folders}


def _starters(problem: str | None) -> Iterator[Path]:
    if problem is not None:
        folder = load_problem(problem).folder / "starter"
        yield from sorted(path for path in folder.iterdir() if path.is_dir())
