"""`acidtest completion`: the script that lets a shell complete commands and problem names."""

from enum import StrEnum
from typing import Annotated

import typer

# Typer offers these scripts only by an option that also edits files of the user's shell.
from typer._completion_shared import get_completion_script

PROGRAM = "acidtest"


class Shell(StrEnum):
    """Shells there is a script for."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(
    shell: Annotated[Shell, typer.Argument(help="The shell.", show_default=False)],
) -> None:
    """Print the completion script of a shell.

    For bash: `eval "$(acidtest completion bash)"`; zsh alike; for fish:
    `acidtest completion fish | source`.
    """
    script = get_completion_script(
        prog_name=PROGRAM, complete_var=f"_{PROGRAM.upper()}_COMPLETE", shell=shell.value
    )
    typer.echo(script)
