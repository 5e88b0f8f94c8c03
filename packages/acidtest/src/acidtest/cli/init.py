"""`acidtest init`: a folder for a candidate with the statement and something to start from."""

import shutil
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from acidtest.catalogue.history import history_of_starter, replay_history
from acidtest.catalogue.loader import load_problem
from acidtest.cli import wiring
from acidtest.cli.choices import SomeProblem
from acidtest.cli.problems import STATEMENT, statement
from acidtest.core.errors import UsageError


def init(
    problem: SomeProblem,
    folder: Annotated[
        Path,
        typer.Argument(metavar="FOLDER", help="A new or empty folder.", show_default=False),
    ],
    *,
    stack: Annotated[
        str | None,
        typer.Option(
            "--stack",
            metavar="NAME",
            help="Which starter, where there are several.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Make a folder with the statement of a problem and a starter to work from."""
    target = folder.absolute()
    _refuse_used(target)
    text = statement(problem)
    starter = _starter(load_problem(problem).folder / "starter", stack)
    try:
        _fill(target, text, starter)
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror}.") from error
    wiring.screen().print(
        Text(
            f"{target} is ready. Read {STATEMENT} first; then:\n"
            f"  acidtest doctor {folder} --problem {problem}\n"
            f"  acidtest grade {folder} --problem {problem}"
        ),
        soft_wrap=True,
    )


def _refuse_used(target: Path) -> None:
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(f"{target} exists and is not an empty folder; name another one.")


def _starter(folder: Path, stack: str | None) -> Path | None:
    found = sorted(entry for entry in folder.iterdir() if entry.is_dir()) if folder.is_dir() else []
    if stack is None and len(found) <= 1:
        return found[0] if found else None
    names = [entry.name for entry in found]
    if stack is None:
        raise UsageError(f"Say which starter: --stack {' | '.join(names)}")
    if stack not in names:
        raise UsageError(f"No starter {stack!r}; there are: {', '.join(names) or 'none'}")
    return folder / stack


def _fill(target: Path, text: str, starter: Path | None) -> None:
    """Make `target` whole in one step, so that a full disk leaves nothing half-written."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as place:
        draft = Path(place) / "draft"
        if starter:
            ignored = shutil.ignore_patterns("__pycache__", "node_modules", ".venv")
            shutil.copytree(starter, draft, ignore=ignored)
            history = history_of_starter(starter)
            if history is not None:
                replay_history(history, draft)
        else:
            draft.mkdir()
        (draft / STATEMENT).write_text(text, encoding="utf-8")
        draft.rename(target)
