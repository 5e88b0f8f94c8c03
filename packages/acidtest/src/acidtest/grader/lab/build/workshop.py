"""The workshop: runs the steps of one build in sandboxes, within one deadline."""

import asyncio
import itertools
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from acidtest.core.errors import SubmissionError
from acidtest.core.evidence import clip
from acidtest.grader.lab.build.surroundings import (
    certificate_mounts,
    host_environment,
    passed_environment,
)
from acidtest.grader.lab.sandbox import MIB, Driver, Limits, Mount, Network, Sandbox, SandboxSpec

_TAIL_LINES = 120
_LINE = 500
_MOST_DISK = 4 * 1024 * MIB
_MOST_FILES = 400_000
_LOOK_EVERY = 1.0
"""Seconds between two looks at how much a build has written."""
_LIMITS = Limits(
    memory_bytes=2048 * MIB,
    processes=512,
    file_bytes=1024 * MIB,
    disk_bytes=1024 * MIB,
    open_files=8192,
    output_bytes=2 * MIB,
)


class Step(NamedTuple):
    """One command of a build and what it sees."""

    name: str
    command: str
    cwd: str
    env: Mapping[str, str]
    mounts: tuple[Mount, ...] = ()
    layered: Path | None = None


class Result(NamedTuple):
    """How a step ended."""

    code: int
    log: str
    """The end of its output, hostile text."""


class Workshop:
    """Runs steps one after another; every one as a throwaway user with the host's network."""

    def __init__(
        self, driver: Driver, run_dir: Path, *, deadline: float, emit: Callable[[str], None]
    ) -> None:
        self.isolated = driver.isolated
        self._driver = driver
        self._run_dir = run_dir
        self._until = time.monotonic() + deadline
        self._deadline = deadline
        self._emit = emit
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)

    @property
    def log_tail(self) -> str:
        """The end of everything the steps have written so far."""
        return "\n".join(self._tail)

    @property
    def seconds_left(self) -> float:
        """Seconds until the deadline; never negative."""
        return max(0.0, self._until - time.monotonic())

    async def run(self, step: Step) -> Result:
        """Run one step to its end.

        Raises:
            SubmissionError: the deadline passed, or it filled the disk or its memory.
        """
        lines: deque[str] = deque(maxlen=_TAIL_LINES)
        self._emit(f"$ {clip(step.command, _LINE)}")

        def on_line(_stream: str, text: str) -> None:
            line = clip(text, _LINE)
            lines.append(line)
            self._tail.append(line)
            self._emit(line)

        host = host_environment()
        spec = SandboxSpec(
            name=f"build-{step.name}",
            command=step.command,
            run_dir=self._run_dir,
            cwd=step.cwd,
            env={**passed_environment(host), **step.env},
            mounts=(*certificate_mounts(host), *step.mounts),
            layered=step.layered,
            limits=_LIMITS,
            network=Network.HOST,
        )
        sandbox = await self._driver.prepare(spec, on_line=on_line)
        try:
            await sandbox.release()
            written = [mount.source for mount in step.mounts if mount.writable]
            code = await self._wait(sandbox, written)
            usage = await sandbox.usage()
        finally:
            await sandbox.close()
        log = "\n".join(lines)
        if code is None:
            raise SubmissionError(f"the build took longer than {self._deadline:g} s", log=log)
        if code and usage.oom_killed:
            raise SubmissionError(
                f"the build took more than {_LIMITS.memory_bytes // MIB} MiB of memory", log=log
            )
        return Result(code, log)

    async def _wait(self, sandbox: Sandbox, written: list[Path]) -> int | None:
        while True:
            code = await sandbox.wait(min(_LOOK_EVERY, self.seconds_left))
            if code is not None or self.seconds_left <= 0:
                return code
            await asyncio.to_thread(self._look, written)

    def _look(self, folders: list[Path]) -> None:
        size = 0
        for count, blocks in enumerate(_blocks(folders)):
            size += blocks * 512
            if size > _MOST_DISK or count > _MOST_FILES:
                raise SubmissionError(
                    f"the build wrote more than {_MOST_DISK // MIB} MiB or {_MOST_FILES} files",
                    log=self.log_tail,
                )


def _blocks(folders: list[Path]) -> Iterator[int]:
    # Blocks, not length: a sparse file fills no disk.
    walks = itertools.chain.from_iterable(os.walk(folder) for folder in folders)
    for inner, _, files in walks:
        for file in files:
            with suppress(OSError):
                yield (Path(inner) / file).lstat().st_blocks
