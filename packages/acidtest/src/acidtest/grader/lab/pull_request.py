"""A pull request against a submission, and what its own CI says of it.

A room of its own because this is the one command of a submission that gets a repository instead of
a port. The repository is made here: its history is two commits old and nobody's hooks run in it.
"""

import asyncio
import itertools
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from acidtest.core.errors import HarnessError, InfrastructureError
from acidtest.core.git import git_command, git_environment_in
from acidtest.grader.lab.process import CommandOutcome, run_bounded
from acidtest.grader.lab.sandbox import Limits, open_tree

if TYPE_CHECKING:
    from acidtest.grader.lab.lab import Lab

_GIT_SECONDS = 30.0
_CI_SECONDS = 60.0
_LOG_LINES = 200
_WHO = ("-c", "user.name=Candidate", "-c", "user.email=candidate@submission.invalid")

Change = Mapping[str, str | None]
"""The files a commit writes by path; None removes one."""


class PullRequests:
    """Runs the `ci` command of a submission on changes to it."""

    def __init__(self, lab: "Lab") -> None:
        self.command = lab.recipe.ci
        """None where the submission declares none."""
        self._lab = lab
        self._numbers = itertools.count(1)

    async def __call__(self, *commits: Change) -> CommandOutcome:
        """Run it in a checkout of a change made of `commits`, without a network.

        `CI_BASE` names the commit that the change starts from, `CI_HEAD` its last one.

        Raises:
            HarnessError: the submission declares no such command.
        """
        if self.command is None:
            raise HarnessError("a pull request was asked for, but there is no `ci` command")
        place = self._lab.run_dir / f"change-{next(self._numbers)}"
        try:
            base, head = await self._repository(place, commits)
            return await self._run(place, base=base, head=head)
        finally:
            await asyncio.to_thread(shutil.rmtree, place, ignore_errors=True)

    async def _repository(self, place: Path, commits: Sequence[Change]) -> tuple[str, str]:
        root = self._lab.submission.root
        await asyncio.to_thread(shutil.copytree, root, place, symlinks=True)
        await _git(place, "init", "--quiet", "--initial-branch=main")
        base = head = await _commit(place, "As it was handed in")
        for number, change in enumerate(commits, start=1):
            await asyncio.to_thread(_write, place, change)
            head = await _commit(place, f"Change {number}")
        await asyncio.to_thread(open_tree, place, writable=True)
        return base, head

    async def _run(self, place: Path, *, base: str, head: str) -> CommandOutcome:
        lab, lines = self._lab, list[str]()

        def keep(_stream: str, text: str) -> None:
            del lines[: -_LOG_LINES + 1]
            lines.append(text)

        spec = lab.built.spec("ci", str(self.command), run_dir=lab.run_dir, limits=Limits())
        spec = spec.model_copy(update={"layered": place, "cwd": "/app"})
        sandbox = await lab.driver.prepare(spec, on_line=keep)
        try:
            begun = lab.clock.now()
            await sandbox.release(
                env={
                    **lab.built.env,
                    "CI": "true",
                    "CI_BASE": base,
                    "CI_HEAD": head,
                    # Its files belong to somebody else in there, which git would not stand for.
                    "GIT_CONFIG_COUNT": "1",
                    "GIT_CONFIG_KEY_0": "safe.directory",
                    "GIT_CONFIG_VALUE_0": "*",
                }
            )
            code = await sandbox.wait(_CI_SECONDS)
            return CommandOutcome(code, lab.clock.now() - begun, "\n".join(lines))
        finally:
            await sandbox.close()


def _write(place: Path, change: Change) -> None:
    for name, text in change.items():
        path = place / name
        if text is None:
            path.unlink(missing_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


async def _commit(place: Path, message: str) -> str:
    await _git(place, "add", "--all", "--force")
    await _git(place, *_WHO, "commit", "--quiet", "--allow-empty", "--no-verify", "-m", message)
    return (await _git(place, "rev-parse", "HEAD")).strip()


async def _git(place: Path, *arguments: str) -> str:
    run = await run_bounded(
        git_command(*arguments),
        env=git_environment_in(place, home=place.parent),
        deadline=_GIT_SECONDS,
        cwd=place,
    )
    if run.returncode:
        raise InfrastructureError(f"git {arguments[0]} ended with {run.returncode}: {run.output}")
    return run.output
