"""A Go submission: its modules are fetched and its program compiled into its own tree."""

import asyncio
import shlex
import shutil
from pathlib import Path

from acidtest.grader.lab.build.failure import of_command, of_installing
from acidtest.grader.lab.build.python_environment import Environment
from acidtest.grader.lab.build.toolchains import find_go
from acidtest.grader.lab.build.workshop import Step, Workshop
from acidtest.grader.lab.intake import Submission
from acidtest.grader.lab.recipe import GoBuild
from acidtest.grader.lab.recipe.go_project import PROGRAM
from acidtest.grader.lab.sandbox import Mount

_SCRATCH = "/scratch"


async def go_environment(
    submission: Submission, plan: GoBuild, *, tree: Path, workshop: Workshop, scratch: Path
) -> Environment:
    """Compile a Go submission into `tree`; nothing but the program is needed to run it."""
    go = find_go()
    inner = submission.subdirectory
    cwd = "/app" if inner == "." else f"/app/{inner}"
    await asyncio.to_thread(_make_folders, scratch, (tree / inner / PROGRAM).parent)
    env = {
        "PATH": f"{go.folder}:/usr/local/bin:/usr/bin:/bin",
        "GOCACHE": f"{_SCRATCH}/build",
        "GOMODCACHE": f"{_SCRATCH}/modules",
        "GOTOOLCHAIN": "local",
        "GOFLAGS": "-modcacherw",
    }
    mounts = (
        Mount(source=tree, target="/app", writable=True),
        Mount(source=scratch, target=_SCRATCH, writable=True),
        *go.mounts,
    )
    try:
        fetched = await workshop.run(Step("go-fetch", "go mod download", cwd, env, mounts))
        if fetched.code:
            raise of_installing(fetched.log, fetched.code)
        command = f"go build -o {PROGRAM} {shlex.quote(plan.package)}"
        built = await workshop.run(Step("go-build", command, cwd, env, mounts))
        if built.code:
            raise of_command(command, built.log, built.code)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return Environment(mounts=(), path=(), env={}, notes=(), cached=False)


def _make_folders(*folders: Path) -> None:
    for folder in folders:
        folder.mkdir(exist_ok=True)
