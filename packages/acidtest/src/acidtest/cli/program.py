"""The program: its commands put together, and every error turned into one sentence and a code."""

import sys
import traceback
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated, NoReturn

import typer
from rich.text import Text

# Typer registers its shells only together with two options of its own that we do not want.
from typer._completion_classes import completion_init

from acidtest.cli import wiring
from acidtest.cli.compare import compare
from acidtest.cli.completion import completion
from acidtest.cli.doctor import doctor
from acidtest.cli.exits import EPILOG, ExitCode, of_error
from acidtest.cli.grade import grade
from acidtest.cli.init import init
from acidtest.cli.problems import problems_app
from acidtest.cli.replay import replay
from acidtest.cli.rescore import rescore
from acidtest.cli.similar import similar
from acidtest.cli.verify import verify
from acidtest.core.errors import AcidTestError, SubmissionError
from acidtest.grader.reports import one_line, visible

NAME = "acidtest"
_DEBUG = "--debug"
_LOG_LINES = 20
_HELP = {"help_option_names": ["-h", "--help"]}


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command with `arguments`, those of the process when None, and exit."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = _DEBUG in given
    try:
        build()(args=[word for word in given if word != _DEBUG], prog_name=NAME)
    except AcidTestError as error:
        if debug:
            traceback.print_exc()
        _explain(error)
        sys.exit(of_error(error))
    except Exception as error:  # noqa: BLE001 - the last door: nothing may end in a traceback
        if debug:
            traceback.print_exc()
        _confess(error)
        sys.exit(ExitCode.VOID)
    sys.exit(ExitCode.OK)


def build() -> typer.Typer:
    """Put the program together."""
    completion_init()
    app = typer.Typer(
        name=NAME,
        help="Judges backend services the way production would.",
        epilog=EPILOG,
        add_completion=False,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings=_HELP,
    )
    app.callback()(_options)
    for command in (grade, doctor, replay, rescore, compare, similar, init, verify, completion):
        app.command(epilog=EPILOG, context_settings=_HELP)(command)
    app.add_typer(problems_app(), name="problems")
    return app


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - the shape Typer calls
    if wanted:
        typer.echo(f"{NAME} {version('acidtest')}")
        raise typer.Exit


def _options(
    *,
    show_version: Annotated[
        bool,
        typer.Option(
            "--version", help="Show the version and exit.", is_eager=True, callback=_show_version
        ),
    ] = False,
    # Taken from the arguments before; declared here for --help.
    debug: Annotated[
        bool, typer.Option(_DEBUG, help="Show tracebacks; may stand anywhere.")
    ] = False,
) -> None:
    """Judges backend services the way production would.

    It builds a submission, starts it in a sandbox between proxies of its own, asks it what
    production would ask, and says what broke, with evidence.
    """


def _explain(error: AcidTestError) -> None:
    console = wiring.screen(stderr=True)
    message = str(error) or type(error).__doc__ or type(error).__name__
    console.print(Text("Error: ", style="bold red") + Text(visible(message)), soft_wrap=True)
    if isinstance(error, SubmissionError) and error.log:
        console.print(Text("The end of its output:", style="bold"))
        for line in error.log.splitlines()[-_LOG_LINES:]:
            console.print(Text("  │ " + one_line(line, limit=500)), soft_wrap=True)


def _confess(error: Exception) -> None:
    console = wiring.screen(stderr=True)
    text = one_line(f"{type(error).__name__}: {error}", limit=500)
    console.print(
        Text("AcidTest itself broke: ", style="bold red")
        + Text(f"{text}\nThat says nothing about the submission. Add {_DEBUG} to see where."),
        soft_wrap=True,
    )
