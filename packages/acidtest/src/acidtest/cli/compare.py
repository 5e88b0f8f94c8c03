"""`acidtest compare`: several judgements of one problem side by side."""

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from acidtest.catalogue.rules import load_rules
from acidtest.cli import wiring
from acidtest.cli.renderings import write_file
from acidtest.grader.reports import compare_judgements, comparison_lines, render_comparison


def compare(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN|FILE",
            help="Kept runs as reports name them, or judgement.json files, in the order of the "
            "columns.",
            show_default=False,
        ),
    ],
    *,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write the comparison as one HTML file."),
    ] = None,
) -> None:
    """Put judgements of one problem side by side: scores, and what only one of them has.

    Nothing is run, and nothing is judged anew.
    """
    archive = wiring.archive()
    titles = {name: rule.title for name, rule in load_rules().rules.items()}
    told = compare_judgements([archive.judgement(run) for run in runs], titles=titles)
    console = wiring.screen()
    for line in comparison_lines(told):
        console.print(line, soft_wrap=isinstance(line, Text))
    if html is not None:
        write_file(html, render_comparison(told))
        console.print(Text("Page  ", style="bold") + Text(str(html)), soft_wrap=True)
