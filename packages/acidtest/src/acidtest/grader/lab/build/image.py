"""Building a submission's image: its own Dockerfile, in the private copy, within bounds.

A room of its own because here the submission brings its whole world; the judge's interpreters and
stores have no part in it, and what is started is what the image says.
"""

import re
import secrets
import shlex
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from acidtest.core.errors import InfrastructureError, SubmissionError
from acidtest.core.evidence import clip
from acidtest.grader.lab.build.failure import of_image
from acidtest.grader.lab.build.product import Built
from acidtest.grader.lab.build.surroundings import (
    build_network,
    host_environment,
    passed_environment,
    pull_policy,
)
from acidtest.grader.lab.intake import Submission
from acidtest.grader.lab.recipe import ImageBuild, Recipe
from acidtest.grader.lab.sandbox import (
    MIB,
    ContainerDriver,
    ImageFacts,
    ImageOrder,
    Limits,
    SandboxSpec,
    build_image,
    image_facts,
)

_LIMITS = Limits(
    memory_bytes=2048 * MIB,
    processes=1024,
    file_bytes=2048 * MIB,
    disk_bytes=4096 * MIB,
    output_bytes=2 * MIB,
)
_TAIL_LINES = 120
_LINE = 500
_DECLARED = frozenset({"acidtest.toml", "Procfile"})
"""Where a start command is meant for every way of running; elsewhere the image knows better."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_IMAGE = re.compile(r"docker-image://[a-z0-9][a-zA-Z0-9._/:@-]{0,200}")
_PORT_OPTION = re.compile(
    r"(?:--port[= ]|-p |--bind[= ]\S*?:|-b \S*?:|--listen[= ]\S*?:)(\d{2,5})\b"
)
_SHELL_SECONDS = 30.0
_ANSWER = 42
_NO_PROGRAM = re.compile(r"no such file|not found|executable", re.IGNORECASE)
_NO_SHELL = "its image has no working /bin/sh, with which the judge starts every program"
_MISSING = """\
the driver {driver} runs images, and there is no Dockerfile in this folder. Add one, for example:
  FROM python:3.11-slim
  WORKDIR /app
  COPY . .
  RUN pip install -r requirements.txt
  CMD ["python", "-m", "app"]
or name it in a compose file (`build: {{dockerfile: …}}`), or grade without `--driver {driver}`."""


async def image_of(
    submission: Submission,
    recipe: Recipe,
    *,
    driver: ContainerDriver,
    run_dir: Path,
    deadline: float,
    emit: Callable[[str], None],
) -> Built:
    """Build the image of `submission`, and complete `recipe` by what it says of itself.

    Raises:
        SubmissionError: there is nothing to build, or it does not build; carries the log's end.
        InfrastructureError: the network, the registry or the engine failed.
    """
    began = time.monotonic()
    if recipe.container is None:
        raise SubmissionError(_MISSING.format(driver=driver.name))
    order = _order(submission, recipe.container, run_dir)
    lines: deque[str] = deque(maxlen=_TAIL_LINES)

    def on_line(_stream: str, text: str) -> None:
        lines.append(clip(text, _LINE))
        emit(lines[-1])

    emit(f"$ {driver.name} build of {clip(recipe.container.dockerfile, _LINE)}")
    end = await build_image(driver.engine, order, deadline=deadline, on_line=on_line)
    log = "\n".join(lines)
    if end.overstepped is not None:
        raise SubmissionError(f"the build of its image {end.overstepped}", log=log)
    if end.code is None:
        raise SubmissionError(f"the build of its image took longer than {deadline:g} s", log=log)
    if end.code:
        raise of_image(log, end.code)
    facts = await image_facts(driver.engine, order.name)
    await _must_have_a_shell(driver, order)
    completed, notes = _completed(recipe, recipe.container, facts)
    return Built(
        app_tree=submission.tree,
        notes=notes,
        log_tail=log,
        seconds=time.monotonic() - began,
        image=order.name,
        read_only=recipe.container.read_only,
        recipe=completed,
    )


def _order(submission: Submission, plan: ImageBuild, run_dir: Path) -> ImageOrder:
    host = host_environment()
    context = _inside(submission, submission.root / plan.context, plan.context)
    dockerfile = _inside(submission, context / plan.dockerfile, plan.dockerfile)
    if not context.is_dir() or not dockerfile.is_file():
        raise SubmissionError(f"there is no file `{clip(plan.dockerfile, _LINE)}` to build from")
    return ImageOrder(
        name=f"localhost/acidtest-submission:{secrets.token_hex(8)}",
        context=context,
        dockerfile=dockerfile,
        run_dir=run_dir,
        limits=_LIMITS,
        target=_plain_name(plan.target) if plan.target else None,
        args={_plain_name(name): value for name, value in plan.args.items()},
        contexts={
            _plain_name(name): _named_context(submission, value)
            for name, value in plan.contexts.items()
        },
        pull=pull_policy(host),
        network=build_network(host),
        env=passed_environment(host),
    )


def _named_context(submission: Submission, value: str) -> str:
    if _IMAGE.fullmatch(value):
        return value
    folder = _inside(submission, submission.root / value, value)
    if not folder.is_dir():
        raise SubmissionError(
            f"the additional context `{clip(value, _LINE)}` is not a folder of this submission; "
            "when it lies beside the service's folder, grade the folder above both and name the "
            "service with --subdir"
        )
    return str(folder)


def _inside(submission: Submission, path: Path, said: str) -> Path:
    try:
        real = path.resolve()
    except (OSError, ValueError, RuntimeError):
        real = Path("/")
    if not real.is_relative_to(submission.tree.resolve()):
        raise SubmissionError(
            f"its image needs `{clip(said, _LINE)}`, which is not inside what was handed in; "
            "when it lies beside the service's folder, grade the folder above both and name the "
            "service with --subdir"
        )
    return real


def _plain_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise SubmissionError(f"`{clip(name, _LINE)}` cannot be a name in an image build")
    return name


async def _must_have_a_shell(driver: ContainerDriver, order: ImageOrder) -> None:
    # Programs wait in a shell until the listeners they will meet exist.
    spec = SandboxSpec(
        name="image-shell", command=f"exit {_ANSWER}", run_dir=order.run_dir, image=order.name
    )
    try:
        sandbox = await driver.prepare(spec, on_line=lambda _stream, _text: None)
    except InfrastructureError as error:
        if _NO_PROGRAM.search(str(error)):
            raise SubmissionError(_NO_SHELL) from error
        raise
    try:
        await sandbox.release()
        if await sandbox.wait(_SHELL_SECONDS) != _ANSWER:
            raise SubmissionError(_NO_SHELL, log=sandbox.log_tail())
    finally:
        await sandbox.close()


def _completed(
    recipe: Recipe, plan: ImageBuild, facts: ImageFacts
) -> tuple[Recipe, tuple[str, ...]]:
    """Return the recipe with the image's own command where the submission declares none."""
    notes: list[str] = []
    start = recipe.start
    if recipe.source not in _DECLARED:
        entrypoint = facts.entrypoint if plan.entrypoint is None else plan.entrypoint
        command = facts.command if plan.command is None else plan.command
        # Another entry point takes the image's command away with its own.
        if plan.entrypoint is not None and plan.command is None:
            command = ()
        start = shlex.join((*entrypoint, *command)) or recipe.start
        notes.append(f"the start command is the image's: {clip(start, _LINE)}")
    elif facts.entrypoint:
        notes.append(f"{recipe.source} says how it is started; the image's ENTRYPOINT is not used")
    named = _PORT_OPTION.search(start)
    port = int(named[1]) if named else recipe.port or next(iter(facts.ports), None)
    return recipe.model_copy(update={"start": start, "port": port}), tuple(notes)
