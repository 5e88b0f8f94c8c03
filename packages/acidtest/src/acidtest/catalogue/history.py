"""The git history of a starter: who committed what and when, replayed into a candidate's folder.

A room of its own because a repository cannot hold another one's history, and some problems are
about what lies in it. Ids of commits are the same wherever it is replayed.
"""

import subprocess
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from acidtest.catalogue.loader import read_yaml
from acidtest.core.errors import PackageError, UsageError
from acidtest.core.git import git_command, git_environment_in

_GIT_SECONDS = 30.0
_BRANCH = "main"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CommitSpec(_Model):
    """One commit: files of the starter that appear with it, and files it writes besides."""

    at: datetime
    message: str
    paths: tuple[str, ...] = ()
    """Patterns of git for files of the starter, such as `app/*.py`."""
    write: dict[str, str] = {}
    """Text by path; these files are the history's own and stay in the folder."""


class History(_Model):
    """The content of `<starter>.history.yaml`."""

    author: str = Field(pattern=r"^[^<>]+ <[^<>]+@[^<>]+>$")
    commits: tuple[CommitSpec, ...] = Field(min_length=1)


def history_of_starter(starter: Path) -> History | None:
    """Read the history that lies beside a starter, or None where it has none.

    Raises:
        PackageError: the file is not valid.
    """
    path = starter.parent / f"{starter.name}.history.yaml"
    if not path.is_file():
        return None
    try:
        return History.model_validate(read_yaml(path))
    except ValidationError as error:
        raise PackageError(f"{path}: {error}") from error


def replay_history(history: History, folder: Path) -> None:
    """Make `folder`, which holds the starter's files, a repository with this history.

    Raises:
        UsageError: there is no git on this machine.
        PackageError: a commit cannot be made as it is described.
    """
    name, _, address = history.author.removesuffix(">").partition(" <")
    _git(folder, "init", "--quiet", f"--initial-branch={_BRANCH}")
    for commit in history.commits:
        for path, text in commit.write.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        _git(folder, "add", "--force", "--", *commit.paths, *commit.write)
        moment = commit.at.isoformat()
        _git(
            folder,
            *("-c", f"user.name={name}", "-c", f"user.email={address}"),
            *("commit", "--quiet", "--no-verify", "-m", commit.message),
            GIT_AUTHOR_DATE=moment,
            GIT_COMMITTER_DATE=moment,
        )


def _git(folder: Path, *arguments: str, **environment: str) -> None:
    try:
        run = subprocess.run(
            git_command(*arguments),
            cwd=folder,
            env={**git_environment_in(folder, home=folder), **environment},
            capture_output=True,
            text=True,
            timeout=_GIT_SECONDS,
            check=False,
        )
    except FileNotFoundError as error:
        raise UsageError("git is needed: this problem's starter comes with its history") from error
    if run.returncode:
        raise PackageError(f"the starter's history: git {arguments[-1]}: {run.stderr.strip()}")
