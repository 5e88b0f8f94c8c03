"""Building an image from a stranger's Dockerfile, within bounds, and reading what came of it."""

import asyncio
import json
import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from acidtest.core.errors import InfrastructureError
from acidtest.grader.lab.leftovers import RUN_VARIABLE, record_image, record_pid
from acidtest.grader.lab.process import Child

from ._cgroups import group_name
from ._engine import Engine
from ._model import MIB, Limits
from ._pen import Pen
from ._protocol import OnLine
from ._watch import watch_disk

Pull = Literal["always", "missing", "never"]
_LOOK_SECONDS = 0.1
_KILLED = re.compile(r"exit status 137|exit code:? 137|signal: killed")
_ERROR_CHARACTERS = 2_000
_LEAST_FREE = 1024 * MIB


class ImageOrder(NamedTuple):
    """What to build, and how much it may take."""

    name: str
    """The image's name; `localhost/acidtest-…` so that a sweep knows it for ours."""
    context: Path
    dockerfile: Path
    run_dir: Path
    limits: Limits
    """Memory, processes, processors and the largest file of its steps, and all they write."""
    target: str | None = None
    args: Mapping[str, str] = {}
    contexts: Mapping[str, str] = {}
    pull: Pull = "missing"
    network: str | None = None
    """The network of its steps; None means what the engine takes by itself."""
    env: Mapping[str, str] = {}
    """For the engine alone: proxies and certificates for fetching the images it starts from."""


class ImageEnd(NamedTuple):
    """How a build ended."""

    code: int | None
    """None when it did not end in time."""
    overstepped: str | None = None
    """A sentence about the bound it broke."""


class ImageFacts(NamedTuple):
    """What an image says of itself."""

    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    user: str
    ports: tuple[int, ...]
    workdir: str


async def build_image(
    engine: Engine, order: ImageOrder, *, deadline: float, on_line: OnLine
) -> ImageEnd:
    """Build one image; whatever comes, no step of it runs on afterwards."""
    record_image(order.run_dir, engine.name, order.name)
    scratch = order.run_dir / "image-build"
    scratch.mkdir(mode=0o700, exist_ok=True)
    pen = _pen(engine, order)
    try:
        child = await Child.start(
            engine.argv(*_arguments(engine, order, pen)),
            env=_environment(engine, order, scratch),
            on_line=on_line,
            output_bytes=order.limits.output_bytes,
        )
        record_pid(order.run_dir, child.pid)
        building = _Building(engine, order, child, pen, scratch)
        return await building.finish(deadline)
    finally:
        if pen is not None:
            await asyncio.to_thread(pen.remove)


async def image_facts(engine: Engine, name: str) -> ImageFacts:
    """Return what the image `name` says of itself.

    Raises:
        InfrastructureError: the engine does not know it.
    """
    answer = await engine.command("image", "inspect", name)
    try:
        config = json.loads(answer.output)[0]["Config"]
        return ImageFacts(
            entrypoint=tuple(config.get("Entrypoint") or ()),
            command=tuple(config.get("Cmd") or ()),
            user=str(config.get("User") or ""),
            ports=_ports(config.get("ExposedPorts")),
            workdir=str(config.get("WorkingDir") or "/"),
        )
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise InfrastructureError(
            f"{engine.name} tells nothing of the image it built: {answer.output[-300:]}"
        ) from error


async def remove_image(engine: Engine, name: str) -> None:
    """Remove an image; one that is not there is fine."""
    await engine.command("rmi", "--force", name)


class _Building:
    """A build under way."""

    def __init__(
        self, engine: Engine, order: ImageOrder, child: Child, pen: Pen | None, scratch: Path
    ) -> None:
        self._engine = engine
        self._order = order
        self._child = child
        self._pen = pen
        self._scratch = scratch
        self._overstepped: str | None = None
        self._watching: dict[Path, asyncio.Task[None]] = {}

    async def finish(self, deadline: float) -> ImageEnd:
        until = time.monotonic() + deadline
        self._watch({self._scratch})
        try:
            while self._child.returncode is None and self._overstepped is None:
                left = until - time.monotonic()
                if left <= 0 or await self._child.wait(min(_LOOK_SECONDS, left)) is not None:
                    break
                await self._look()
            code = self._child.returncode
        finally:
            for task in self._watching.values():
                task.cancel()
            await self._end()
        if code and self._killed() and self._pen is not None and self._pen.memory_ran_out:
            return ImageEnd(code, f"took more than {self._order.limits.memory_bytes // MIB} MiB")
        return ImageEnd(code, self._overstepped)

    def _killed(self) -> bool:
        # Files that were only read count for the peak too, so the peak alone proves nothing.
        return _KILLED.search(self._child.kept.text()[-_ERROR_CHARACTERS:]) is not None

    async def _look(self) -> None:
        if self._pen is not None:
            await asyncio.to_thread(self._pen.look, self._engine.name)
            self._watch(self._pen.layers)
        if self._watching and (await asyncio.to_thread(_free, self._scratch)) < _LEAST_FREE:
            raise InfrastructureError("The disk is almost full; the build was ended.")

    def _watch(self, layers: set[Path]) -> None:
        for layer in layers - self._watching.keys():
            watch = watch_disk([layer], self._order.limits.disk_bytes, self._break)
            self._watching[layer] = asyncio.create_task(watch)

    def _break(self, sentence: str) -> None:
        self._overstepped = sentence

    async def _end(self) -> None:
        ended_by_us = self._child.returncode is None
        await self._child.kill()
        if self._pen is None:
            return
        await asyncio.to_thread(self._pen.look, self._engine.name)
        await asyncio.to_thread(self._pen.end)
        if ended_by_us and self._pen.containers:
            await self._engine.command("rm", "--force", *sorted(self._pen.containers))


def _pen(engine: Engine, order: ImageOrder) -> Pen | None:
    # Docker's builder runs elsewhere; its bounds are those its daemon was given.
    if engine.name != "podman":
        return None
    return Pen.make(group_name("image"), run_dir=order.run_dir, limits=order.limits)


def _arguments(engine: Engine, order: ImageOrder, pen: Pen | None) -> list[str]:
    own = _podman_arguments(order, pen) if engine.name == "podman" else _docker_arguments(order)
    return [
        *("build", "--tag", order.name, f"--file={order.dockerfile}", *own),
        *((f"--network={order.network}",) if order.network else ()),
        *((f"--target={order.target}",) if order.target else ()),
        *(f"--build-arg={name}={value}" for name, value in order.args.items()),
        *(f"--build-context={name}={value}" for name, value in order.contexts.items()),
        str(order.context),
    ]


def _podman_arguments(order: ImageOrder, pen: Pen | None) -> list[str]:
    size = order.limits.file_bytes
    return [
        # Layers kept from one build would be found by the next one, and pile up.
        *("--layers=false", "--force-rm", f"--pull={order.pull}"),
        f"--ulimit=fsize={size}:{size}",
        *((f"--cgroup-parent={pen.parent}",) if pen is not None else ()),
    ]


def _docker_arguments(order: ImageOrder) -> list[str]:
    return [
        "--progress=plain",
        *(("--pull",) if order.pull == "always" else ()),
        # Keeps one submission from filling a cache folder that another one mounts.
        f"--build-arg=BUILDKIT_CACHE_MOUNT_NS={order.run_dir.name}",
    ]


def _environment(engine: Engine, order: ImageOrder, scratch: Path) -> dict[str, str]:
    return engine.env(
        {
            **order.env,
            "DOCKER_BUILDKIT": "1",
            # Podman keeps cache folders of `RUN --mount=type=cache` here: one run's are nobody
            # else's.
            "TMPDIR": str(scratch),
            RUN_VARIABLE: order.run_dir.name,
        }
    )


def _ports(exposed: Any) -> tuple[int, ...]:
    words = (str(word).partition("/") for word in exposed or ())
    return tuple(sorted(int(port) for port, _, kind in words if kind != "udp" and port.isdigit()))


def _free(folder: Path) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize
