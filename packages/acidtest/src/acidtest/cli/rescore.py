"""`acidtest rescore`: weigh a kept judgement anew, without running anything."""

from pathlib import Path
from typing import Annotated

import typer

from acidtest.catalogue.loader import load_problem
from acidtest.catalogue.profiles import load_profile
from acidtest.cli import wiring
from acidtest.cli.choices import Profile
from acidtest.cli.renderings import write_file
from acidtest.grader.reports import render_json, summary
from acidtest.grader.rescore import rescore as weigh_anew


def rescore(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN|FILE",
            help="A kept run as a report names it, or a judgement.json.",
            show_default=False,
        ),
    ],
    *,
    profile: Profile = None,
    json: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write the judgement as it is weighed now."),
    ] = None,
) -> None:
    """Weigh a kept judgement with today's weights, or with another profile.

    Nothing is run again: verdicts and findings stay what they were.
    """
    judgement = wiring.archive().judgement(run)
    problem = load_problem(judgement.problem.slug)
    weighed = weigh_anew(judgement, problem, load_profile(profile or problem.profile))
    console = wiring.screen()
    for line in summary(weighed, width=console.width):
        console.print(line, soft_wrap=True)
    if json is not None:
        write_file(json, render_json(weighed))
