"""The course of a build: dependencies, the project's own commands, then everything read-only."""

import asyncio
import itertools
import re
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from acidtest.core.errors import AcidTestError, InfrastructureError, SubmissionError
from acidtest.grader.lab.build.entry_point import other_entry
from acidtest.grader.lab.build.failure import of_command
from acidtest.grader.lab.build.go_program import go_environment
from acidtest.grader.lab.build.image import image_of
from acidtest.grader.lab.build.node_packages import node_environment
from acidtest.grader.lab.build.product import Built
from acidtest.grader.lab.build.python_environment import ENV, Environment, python_environment
from acidtest.grader.lab.build.store import Store, clean_tree
from acidtest.grader.lab.build.workshop import Step, Workshop
from acidtest.grader.lab.intake import Submission
from acidtest.grader.lab.recipe import GoBuild, NodeBuild, PythonBuild, Recipe
from acidtest.grader.lab.sandbox import ContainerDriver, Driver, Mount, open_tree

_SYSTEM_PATH = ("/usr/local/bin", "/usr/bin", "/bin")
_CALLS_PIP = re.compile(r"\bpip3?\b")
_NOTHING = Environment(mounts=(), path=(), env={}, notes=(), cached=False)


async def build(
    submission: Submission,
    recipe: Recipe,
    *,
    driver: Driver,
    cache_dir: Path,
    run_dir: Path,
    deadline: float = 600.0,
    emit: Callable[[str], None] = lambda _line: None,
) -> Built:
    """Build `submission` in a sandbox that has the host's network and nothing else of it.

    A driver that runs images gets one, built from the submission's own Dockerfile.

    Raises:
        SubmissionError: it does not build, or not within `deadline` seconds; carries the log tail.
        InfrastructureError: the network or the registry failed; not the candidate's fault.
    """
    if isinstance(driver, ContainerDriver):
        return await image_of(
            submission, recipe, driver=driver, run_dir=run_dir, deadline=deadline, emit=emit
        )
    began = time.monotonic()
    workshop = Workshop(driver, run_dir, deadline=deadline, emit=emit)
    tree = (await asyncio.to_thread(_fresh_place, run_dir)) / "app"
    try:
        await asyncio.to_thread(_copy, submission.tree, tree)
        environment = await _environment(
            submission,
            recipe,
            tree=tree,
            workshop=workshop,
            store=Store(cache_dir / "environments"),
        )
        if recipe.build:
            environment = await _own_commands(
                submission, recipe, environment, tree=tree, workshop=workshop
            )
        await asyncio.to_thread(_finish, tree)
    except OSError as error:
        raise InfrastructureError(f"the build's files could not be written: {error}") from error
    except AcidTestError as error:
        if isinstance(error, SubmissionError) and not error.log:
            error.log = workshop.log_tail
        raise
    notes, completed = environment.notes, None
    start = other_entry(recipe.start, tree / submission.subdirectory, said_by=recipe.source)
    if start is not None:
        completed = recipe.model_copy(update={"start": start})
        notes = (*notes, f"`{recipe.start}` names nothing that was built; `{start}` was run")
    return Built(
        app_tree=tree,
        cwd=_cwd(submission),
        mounts=environment.mounts,
        env=_run_environment(environment),
        notes=notes,
        recipe=completed,
        log_tail=workshop.log_tail,
        seconds=time.monotonic() - began,
        cached=environment.cached,
    )


async def _environment(
    submission: Submission, recipe: Recipe, *, tree: Path, workshop: Workshop, store: Store
) -> Environment:
    match recipe.dependencies:
        case PythonBuild() as plan:
            return await python_environment(
                submission,
                plan,
                tree=tree,
                workshop=workshop,
                store=store,
                seed=any(_CALLS_PIP.search(command) for command in recipe.build),
            )
        case NodeBuild() as plan:
            return await node_environment(
                submission, plan, tree=tree, workshop=workshop, store=store
            )
        case GoBuild() as plan:
            scratch = tree.parent / "go"
            return await go_environment(
                submission, plan, tree=tree, workshop=workshop, scratch=scratch
            )
        case _:
            return _NOTHING


async def _own_commands(
    submission: Submission,
    recipe: Recipe,
    environment: Environment,
    *,
    tree: Path,
    workshop: Workshop,
) -> Environment:
    private = await asyncio.to_thread(_private_environment, environment, tree.parent / "env")
    writable = [
        mount.model_copy(update={"writable": True}) if mount.target == ENV else mount
        for mount in private.mounts
    ]
    mounts = (Mount(source=tree, target="/app", writable=True), *writable)
    for number, command in enumerate(recipe.build, start=1):
        step = Step(f"own-{number}", command, _cwd(submission), _run_environment(private), mounts)
        result = await workshop.run(step)
        if result.code:
            raise of_command(command, result.log, result.code)
    for mount in writable:
        if mount.writable:
            await asyncio.to_thread(_seal, mount.source)
    return private


def _private_environment(environment: Environment, folder: Path) -> Environment:
    # Its own commands may install more; the kept environment belongs to others too.
    mounts = []
    for mount in environment.mounts:
        if mount.target == ENV:
            shutil.copytree(mount.source, folder, symlinks=True)
            mounts.append(Mount(source=folder, target=ENV))
        else:
            mounts.append(mount)
    return environment._replace(mounts=tuple(mounts))


def _fresh_place(run_dir: Path) -> Path:
    # A run may build more than one submission.
    for number in itertools.count(1):
        place = run_dir / f"build-{number}"
        with suppress(FileExistsError):
            place.mkdir()
            return place
    raise AssertionError("numbers do not end")


def _copy(source: Path, target: Path) -> None:
    shutil.copytree(source, target, symlinks=True)
    open_tree(target, writable=True)


def _finish(tree: Path) -> None:
    clean_tree(tree)
    # Services write beside their code; the layer over this tree takes it, the tree never changes.
    open_tree(tree, writable=True)


def _seal(tree: Path) -> None:
    clean_tree(tree)
    open_tree(tree, writable=False)


def _cwd(submission: Submission) -> str:
    inner = submission.subdirectory
    return "/app" if inner == "." else f"/app/{inner}"


def _run_environment(environment: Environment) -> dict[str, str]:
    path = dict.fromkeys((*environment.path, *_SYSTEM_PATH))
    return {**environment.env, "PATH": ":".join(path)}
