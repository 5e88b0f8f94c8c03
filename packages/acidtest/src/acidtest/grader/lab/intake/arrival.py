"""The door of intake: decides what kind of source this is and returns one `Submission`."""

import asyncio
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from acidtest.core.errors import InfrastructureError, SubmissionError, UsageError
from acidtest.grader.lab.intake.archive import unpack
from acidtest.grader.lab.intake.budget import Budget
from acidtest.grader.lab.intake.cloning import fetch, is_url, split_commit
from acidtest.grader.lab.intake.digest import digest_of, files_of
from acidtest.grader.lab.intake.folder import copy_folder
from acidtest.grader.lab.intake.gitcommand import Git
from acidtest.grader.lab.intake.history import history_of, open_objects
from acidtest.grader.lab.intake.landing import Landing
from acidtest.grader.lab.intake.pathname import parts_of, shown
from acidtest.grader.lab.intake.repository import Commit, Repository, lfs_pointers, named
from acidtest.grader.lab.intake.submission import IntakeLimits, Submission

_MOST_LABEL = 60
_NOT_A_LABEL = re.compile(r"[^A-Za-z0-9._-]+")
_ARCHIVE_ENDING = re.compile(r"\.(zip|tar|tgz|tbz2?|txz|(tar\.)?(gz|bz2|xz)|git)$", re.IGNORECASE)


class _Landed(NamedTuple):
    tree: Path
    commit: Commit | None
    notes: list[str]


async def take_in(
    source: str,
    into: Path,
    *,
    subdirectory: str | None = None,
    limits: IntakeLimits | None = None,
) -> Submission:
    """Copy `source` (folder, archive, git URL or `repository@commit`) into the new folder `into`.

    Raises:
        UsageError: there is nothing at `source`, or `into` is in use.
        SubmissionError: the source cannot be read safely; the message names the entry.
        InfrastructureError: the machine lacks git, or its network or disk failed us.
    """
    budget = Budget(limits or IntakeLimits())
    try:
        return await asyncio.to_thread(_take_in, source, into, subdirectory, budget)
    finally:
        # Whoever cancels us must not leave a thread behind that unpacks for minutes.
        budget.stop()


def _take_in(source: str, into: Path, subdirectory: str | None, budget: Budget) -> Submission:
    if into.exists() and any(into.iterdir()):
        raise UsageError(f"the folder {into} for the private copy is not empty")
    scratch = into / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    try:
        landed = _land(source, into / "tree", scratch, budget)
        root = _service_folder(landed.tree, subdirectory)
        return Submission(
            root=root,
            tree=landed.tree,
            label=label_of(source),
            digest=digest_of(landed.tree),
            commit=landed.commit.sha if landed.commit else None,
            committed_at=landed.commit.committed_at if landed.commit else None,
            notes=tuple(landed.notes),
        )
    except OSError as error:
        shutil.rmtree(into, ignore_errors=True)
        raise InfrastructureError(f"the submission could not be copied: {error}") from error
    except BaseException:
        shutil.rmtree(into, ignore_errors=True)
        raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _land(source: str, tree: Path, scratch: Path, budget: Budget) -> _Landed:
    where, name = split_commit(source)
    if is_url(source):
        landing = Landing(tree, budget)
        return _land_url(where, name, landing, scratch)
    path = Path(source).expanduser()
    if path.is_dir() and _is_bare(path):
        return _land_commit(path, "HEAD", Landing(tree, budget), scratch)
    if path.is_dir():
        return _land_folder(path, Landing(tree, budget), scratch)
    if path.is_file():
        return _land_archive(path, Landing(tree, budget))
    repository = Path(where).expanduser()
    if name is not None and repository.is_dir():
        return _land_commit(repository, name, Landing(tree, budget), scratch)
    raise UsageError(f"there is no folder, archive or repository at `{shown(source)}`")


def _is_bare(path: Path) -> bool:
    """Whether a folder is a repository without files of its own, as `git clone --mirror` makes."""
    return (path / "HEAD").is_file() and (path / "objects").is_dir() and (path / "refs").is_dir()


def _land_folder(path: Path, landing: Landing, scratch: Path) -> _Landed:
    if landing.tree.resolve().is_relative_to(path.resolve()):
        raise UsageError(f"the private copy would lie inside the submission {path}")
    copy_folder(path, landing)
    landing.finish(leaving_links="leave out")
    history = history_of(path, landing.tree, home=scratch / "git", budget=landing.budget)
    notes = landing.notes + history.notes
    if history.commit is None:
        notes.append(_guess(landing.tree))
    return _Landed(landing.tree, history.commit, notes)


def _land_archive(path: Path, landing: Landing) -> _Landed:
    unpack(path, landing)
    landing.finish(leaving_links="refuse")
    inside = list(landing.tree.iterdir())
    if not inside:
        raise SubmissionError("the archive is empty")
    alone = len(inside) == 1 and inside[0].is_dir() and not inside[0].is_symlink()
    return _Landed(
        inside[0] if alone else landing.tree, None, [*landing.notes, _guess(landing.tree)]
    )


def _land_commit(path: Path, name: str, landing: Landing, scratch: Path) -> _Landed:
    git_dir = path / ".git" if (path / ".git").is_dir() else path
    sha = named(git_dir, name)
    if sha is None or not (git_dir / "objects").is_dir():
        raise SubmissionError(f"`{shown(str(path))}` has no commit, branch or tag `{shown(name)}`")
    repository = open_objects(git_dir, scratch / "git", landing.budget, sha=sha)
    return _land_objects(repository, sha, landing)


def _land_url(url: str, name: str | None, landing: Landing, scratch: Path) -> _Landed:
    git = Git(scratch / "git", landing.budget)
    git.initialise()
    return _land_objects(Repository(git), fetch(git, url, name), landing)


def _land_objects(repository: Repository, name: str, landing: Landing) -> _Landed:
    commit = repository.commit(name)
    repository.land(commit.sha, landing)
    landing.finish(leaving_links="refuse")
    paths = [path.relative_to(landing.tree).as_posix() for path in files_of(landing.tree)]
    notes = list(landing.notes)
    if pointers := lfs_pointers(landing.tree, paths):
        notes.append(f"{len(pointers)} files are kept in Git LFS and were not fetched")
    return _Landed(landing.tree, commit, notes)


def _service_folder(tree: Path, subdirectory: str | None) -> Path:
    if subdirectory is None:
        return tree
    root = tree.joinpath(*parts_of(subdirectory, IntakeLimits()))
    if not root.is_dir() or not root.resolve().is_relative_to(tree.resolve()):
        raise UsageError(f"there is no folder `{shown(subdirectory)}` in the submission")
    return root


def _guess(tree: Path) -> str:
    # A copy's times are ours; only a commit dates a submission well enough to resolve by.
    if not any(True for _ in files_of(tree)):
        raise SubmissionError("the submission is empty")
    today = datetime.now(UTC).date()
    return f"no git history says when it was made; dependencies resolve as of today ({today})"


def label_of(source: str) -> str:
    """Return a short name for people: the last part of the source, without its ending."""
    where, name = split_commit(source)
    last = re.split(r"[/:]", where.rstrip("/"))[-1] or "submission"
    if not is_url(source) and last in {".", ".."}:
        last = Path(where).resolve().name
    label = _NOT_A_LABEL.sub("-", _ARCHIVE_ENDING.sub("", last)).strip("-.") or "submission"
    return f"{label}@{name[:12]}"[:_MOST_LABEL] if name else label[:_MOST_LABEL]
