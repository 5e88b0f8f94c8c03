"""How git is run on trees that are not ours: without anybody's set-up, hooks or helpers.

A room of its own because a starter's history, a pull request and the intake of a repository all
need the same caution, and one of them without it is a way in.
"""

import os
from collections.abc import Sequence
from pathlib import Path

_SETTINGS = ("core.hooksPath=/dev/null", "core.fsmonitor=false", "commit.gpgSign=false")


def git_command(
    *arguments: str, program: str = "git", settings: Sequence[str] = ()
) -> tuple[str, ...]:
    """Return the words that run git with `arguments`, and nothing that a repository names.

    Args:
        *arguments: the words after git's own options.
        program: the git to run.
        settings: more of git's settings, as `name=value`.
    """
    options = (word for setting in (*_SETTINGS, *settings) for word in ("-c", setting))
    return (program, *options, *arguments)


def git_environment(home: Path) -> dict[str, str]:
    """Return the variables that keep the settings of the machine and of its user out of git."""
    return {
        "HOME": str(home),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
    }


def git_environment_in(tree: Path, *, home: Path) -> dict[str, str]:
    """Return the whole environment of git in `tree`; a repository around it is not looked for."""
    return {
        **git_environment(home),
        "PATH": os.environ.get("PATH", os.defpath),
        "LC_ALL": "C",
        "GIT_CEILING_DIRECTORIES": str(tree.parent),
    }
