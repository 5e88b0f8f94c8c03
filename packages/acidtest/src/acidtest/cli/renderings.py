"""The reports of a run: which options ask for them, and what they are called in a folder."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from acidtest.cli.archive import JUDGEMENT, PAGE
from acidtest.core.errors import UsageError
from acidtest.core.judgement import Judgement
from acidtest.grader.reports import (
    render_annotations,
    render_ctrf,
    render_gradescope,
    render_html,
    render_json,
    render_junit,
    render_prairielearn,
    render_sarif,
    render_summary,
)

STDOUT = "-"
"""What stands for standard output in place of a file."""

_WORKSPACES = ("GITHUB_WORKSPACE", "CI_PROJECT_DIR")
"""Where a CI says that it checked the repository out."""


class Rendering(NamedTuple):
    """One way to write a judgement."""

    render: Callable[[Judgement, str], str]
    """Takes the judgement, and the submission's folder in its repository."""
    name: str | None
    """Its file in the folder of `--out`; None where it must be asked for."""


RENDERINGS: Mapping[str, Rendering] = {
    "json": Rendering(lambda judgement, _: render_json(judgement), JUDGEMENT),
    "junit": Rendering(lambda judgement, _: render_junit(judgement), "junit.xml"),
    "html": Rendering(lambda judgement, _: render_html(judgement), PAGE),
    "sarif": Rendering(lambda judgement, at: render_sarif(judgement, folder=at), "report.sarif"),
    "ctrf": Rendering(lambda judgement, _: render_ctrf(judgement), "ctrf.json"),
    "github-summary": Rendering(lambda judgement, _: render_summary(judgement), None),
    "annotations": Rendering(lambda judgement, at: render_annotations(judgement, folder=at), None),
    "gradescope": Rendering(lambda judgement, _: render_gradescope(judgement), None),
    "prairielearn": Rendering(lambda judgement, _: render_prairielearn(judgement), None),
}
"""Every report by its option."""


def _option(name: str, text: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(
        f"--{name}", metavar="FILE", help=f"{text}; - is stdout.", rich_help_panel="Reports"
    )
    return option


Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="FOLDER",
        file_okay=False,
        help=f"Write {', '.join(r.name for r in RENDERINGS.values() if r.name)} here.",
        rich_help_panel="Reports",
    ),
]
Json = Annotated[str | None, _option("json", "Write the judgement")]
Junit = Annotated[str | None, _option("junit", "Write JUnit XML")]
Html = Annotated[str | None, _option("html", "Write the report as one HTML file")]
Sarif = Annotated[str | None, _option("sarif", "Write SARIF 2.1.0, for code scanning and editors")]
Ctrf = Annotated[str | None, _option("ctrf", "Write CTRF JSON, for dashboards of tests")]
Summary = Annotated[str | None, _option("github-summary", "Write a GitHub job summary in Markdown")]
Annotations = Annotated[str | None, _option("annotations", "Write GitHub workflow annotations")]
Gradescope = Annotated[str | None, _option("gradescope", "Write Gradescope's results.json")]
Prairielearn = Annotated[str | None, _option("prairielearn", "Write PrairieLearn's results.json")]


class Wanted:
    """The reports that one run was asked for."""

    def __init__(self, asked: Mapping[str, str | None], out: Path | None) -> None:
        """Take what each option says.

        Raises:
            UsageError: more than one of them is to go to standard output.
        """
        self._targets = {name: target for name, target in asked.items() if target}
        self._out = out
        if list(self._targets.values()).count(STDOUT) > 1:
            raise UsageError("Only one report can go to standard output (-).")

    @property
    def takes_stdout(self) -> bool:
        """Whether standard output belongs to a report."""
        return STDOUT in self._targets.values()

    def page(self) -> str | None:
        """The file of the HTML report that was asked for."""
        target = self._targets.get("html")
        return None if target == STDOUT else target

    def write(self, judgement: Judgement, *, source: str) -> None:
        """Write each of them.

        Args:
            judgement: what is told.
            source: where the submission came from, to find its files in a repository.

        Raises:
            UsageError: a file cannot be written.
        """
        folder = folder_in_repository(source, os.environ)
        for option, rendering in RENDERINGS.items():
            in_folder = str(self._out / rendering.name) if self._out and rendering.name else None
            targets = [t for t in (self._targets.get(option), in_folder) if t]
            if targets:
                text = rendering.render(judgement, folder)
                for target in targets:
                    _write(text, target)


def folder_in_repository(source: str, environment: Mapping[str, str]) -> str:
    """Where `source` lies below what a CI checked out; empty when it is that, or elsewhere."""
    for variable in _WORKSPACES:
        root, path = Path(environment.get(variable, "")), Path(source)
        if root.is_absolute() and path.is_absolute() and path.is_relative_to(root):
            inside = path.relative_to(root).as_posix()
            return "" if inside == "." else inside
    return ""


def write_file(path: Path, text: str) -> None:
    """Write what a person asked for to `path`, whose folder is made where it is missing.

    Half a surrogate pair, which no UTF-8 file can hold, is written by its name.

    Raises:
        UsageError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}.") from error


def _write(text: str, target: str) -> None:
    if target == STDOUT:
        typer.echo(text, nl=False)
    else:
        write_file(Path(target), text)
