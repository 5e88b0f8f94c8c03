"""`acidtest problems`: what there is to solve, and what one of them asks."""

import typer
from rich.markdown import Markdown
from rich.table import Table
from rich.text import Text

from acidtest.catalogue.loader import load_problem, problem_slugs
from acidtest.cli import wiring
from acidtest.cli.choices import SomeProblem
from acidtest.cli.exits import EPILOG
from acidtest.core.errors import PackageError

STATEMENT = "statement.md"


def problems_app() -> typer.Typer:
    """The group of commands about problems."""
    app = typer.Typer(
        help="List the problems, or show what one of them asks.",
        epilog=EPILOG,
        invoke_without_command=True,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_list_by_default)
    app.command("list", epilog=EPILOG)(list_problems)
    app.command("show", epilog=EPILOG)(show)
    return app


def _list_by_default(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        list_problems()


def list_problems() -> None:
    """List the problems of the catalogue."""
    table = Table("problem", "level", "time", "needs", "title", box=None, pad_edge=False)
    for slug in problem_slugs():
        problem = load_problem(slug)
        table.add_row(
            problem.slug,
            problem.level,
            f"{problem.minutes / 60:g} h",
            ", ".join(problem.needs),
            problem.title,
        )
    wiring.screen().print(table)


def show(problem: SomeProblem) -> None:
    """Show the statement of a problem: what a candidate reads."""
    text = statement(problem)
    console = wiring.screen()
    if console.is_terminal:
        console.print(Markdown(text))
    else:
        console.print(Text(text), soft_wrap=True)


def statement(slug: str) -> str:
    """The statement of the problem `slug`.

    Raises:
        PackageError: the package has none.
    """
    path = load_problem(slug).folder / STATEMENT
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise PackageError(f"{path} cannot be read: {error.strerror}.") from error
