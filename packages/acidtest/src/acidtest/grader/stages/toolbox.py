"""The toolbox: other people's tools, run on a submission's files inside the sandbox.

The tools read hostile text, so they run as a throwaway user without a network, on a read-only tree,
with settings of ours alone; what they found comes back in one bounded file.
"""

import asyncio
import json
import shlex
import shutil
import sysconfig
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from acidtest.core.errors import InfrastructureError
from acidtest.core.evidence import clip
from acidtest.grader.lab.build.toolchains import find_python
from acidtest.grader.lab.sandbox import MIB, Driver, Limits, Mount, SandboxSpec

ASKED = "{asked}"
"""Stands for the file with what a program is asked."""
_TREE = "/submission"
_DESK = "/desk"
_ASKED = "asked.json"
_ANSWER = "answer.json"
_PACKAGES = "/opt/acidtest/packages"
_TOOLS = "/opt/acidtest/tools"
_MOST_ANSWER = 32 * MIB
_LINES = 40
_LIMITS = Limits(memory_bytes=1024 * MIB, processes=64, cpus=2.0, file_bytes=64 * MIB)


class Said(NamedTuple):
    """What a tool left behind."""

    code: int
    answer: Any
    """Its JSON; None when it wrote none."""
    log: str
    """The end of its output, hostile text."""


class Toolbox:
    """Runs tools on one tree, each in a sandbox of its own."""

    def __init__(
        self, driver: Driver, run_dir: Path, tree: Path, *, deadline: float = 60.0
    ) -> None:
        self.tree = tree
        self._driver = driver
        self._run_dir = run_dir
        self._deadline = deadline

    @property
    def place(self) -> str:
        """Where tools see the tree; some write whole paths."""
        return self._place(Mount(source=self.tree, target=_TREE))

    async def program(self, name: str, arguments: Sequence[str], *, asked: Any = None) -> Said:
        """Run one of the programs that come with our own packages, such as `ruff`.

        Args:
            name: of the program.
            arguments: for it; `ASKED` among them becomes the file that holds `asked`. Its answer is
                what it writes to its output.
            asked: JSON, such as its settings.

        Raises:
            InfrastructureError: it is not there, or did not end in time.
        """
        found = shutil.which(name, path=sysconfig.get_path("scripts")) or shutil.which(name)
        if found is None:
            raise InfrastructureError(f"{name} is not installed beside acidtest")
        program = await asyncio.to_thread(Path(found).resolve)
        mount = Mount(source=program, target=f"{_TOOLS}/{name}")
        words = [mount.target if self._driver.isolated else str(program), *arguments]
        return await self._run(name, words, (mount,), asked)

    async def script(self, script: Path, *, asked: Any) -> Said:
        """Run a Python file of ours with our own interpreter and packages.

        Args:
            script: reads `asked` as JSON from its input and writes its answer to its output; its
                first argument is where the packages lie.
            asked: what it is to do.

        Raises:
            InfrastructureError: it did not end in time.
        """
        interpreter = (await find_python(None)).tool
        packages = Mount(source=Path(sysconfig.get_path("purelib")), target=_PACKAGES)
        shown = Mount(source=script, target=f"{_TOOLS}/{script.name}")
        words = [interpreter.program, "-I", self._place(shown), self._place(packages)]
        return await self._run(script.stem, words, (*interpreter.mounts, packages, shown), asked)

    def _place(self, mount: Mount) -> str:
        """Where a program finds what is mounted; without a sandbox nothing is mounted."""
        return mount.target if self._driver.isolated else str(mount.source)

    async def _run(
        self, name: str, words: list[str], mounts: tuple[Mount, ...], asked: Any
    ) -> Said:
        folder = self._run_dir / f"read-{name}"
        folder.mkdir(mode=0o700, exist_ok=True)
        (folder / _ASKED).write_text(json.dumps(asked), encoding="utf-8")
        tree = Mount(source=self.tree, target=_TREE)
        desk = Mount(source=folder, target=_DESK, writable=True)
        inside = self._place(desk)
        given = [f"{inside}/{_ASKED}" if word == ASKED else word for word in words]
        lines: deque[str] = deque(maxlen=_LINES)
        spec = SandboxSpec(
            name=f"read-{name}",
            command=f"{shlex.join(given)} < {inside}/{_ASKED} > {inside}/{_ANSWER}",
            run_dir=self._run_dir,
            cwd=self._place(tree),
            mounts=(tree, desk, *mounts),
            limits=_LIMITS,
        )
        sandbox = await self._driver.prepare(
            spec, on_line=lambda _stream, text: lines.append(clip(text, 400))
        )
        try:
            await sandbox.release()
            code = await sandbox.wait(self._deadline)
        finally:
            await sandbox.close()
        if code is None:
            raise InfrastructureError(f"{name} did not end within {self._deadline:g} s")
        said = Said(code, _answer(folder / _ANSWER), "\n".join(lines))
        shutil.rmtree(folder, ignore_errors=True)
        return said


def _answer(path: Path) -> Any:
    """What a tool wrote; it lay where hostile text could reach, so it is read with care."""
    if path.is_symlink() or not path.is_file() or path.stat().st_size > _MOST_ANSWER:
        return None
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return None
