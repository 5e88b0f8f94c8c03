import asyncio
import json
import shutil
import socket
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from acidtest.core.errors import HarnessError, SubmissionError
from acidtest.grader.lab.build import Built
from acidtest.grader.lab.recipe import PythonBuild, Recipe
from acidtest.grader.lab.sandbox import Driver, SandboxSpec

pytestmark = pytest.mark.lab
APP = """
from fastapi import FastAPI
app = FastAPI()
@app.get("/health")
def health() -> dict[str, str]:
    return {"state": "up"}
"""
Builder = Callable[..., Coroutine[Any, Any, Built]]


@asynccontextmanager
async def _running(
    built: Built, command: str, driver: Driver, run_dir: Path
) -> AsyncIterator[tuple[Any, int, list[str]]]:
    lines: list[str] = []
    spec = SandboxSpec(
        name="service",
        command=command,
        run_dir=run_dir,
        cwd=built.cwd,
        mounts=built.mounts,
        layered=built.app_tree,
    )
    sandbox = await driver.prepare(spec, on_line=lambda _, line: lines.append(line))
    try:
        port = await sandbox.reserve_port(8000)
        await sandbox.release(env={**built.env, "PORT": str(port)})
        yield sandbox, port, lines
    finally:
        await sandbox.close()


async def _get(sandbox: Any, port: int, path: str, lines: list[str]) -> str:
    until = time.monotonic() + 20
    loop = asyncio.get_running_loop()
    while time.monotonic() < until and sandbox.running:
        sock: socket.socket = sandbox.socket()
        try:
            await loop.sock_connect(sock, ("127.0.0.1", port))
        except OSError:
            sock.close()
            await asyncio.sleep(0.05)
            continue
        reader, writer = await asyncio.open_connection(sock=sock)
        writer.write(f"GET {path} HTTP/1.0\r\nHost: x\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        return answer.decode()
    raise AssertionError("\n".join(lines))


async def test_a_fastapi_service_is_built_once_and_answers(
    make: Builder, driver: Driver, run_dir: Path
) -> None:
    """A tiny FastAPI service is built with uv, runs without a network, and is kept for the next."""
    files = {"main.py": APP, "requirements.txt": "fastapi\nuvicorn\n"}
    first = await make(files)
    second = await make({**files, "README.md": "another tree, the same dependencies"})
    async with _running(
        second, "uvicorn main:app --host 0.0.0.0 --port $PORT", driver, run_dir
    ) as (sandbox, port, lines):
        answer = await _get(sandbox, port, "/health", lines)

    assert '{"state":"up"}' in answer
    assert (first.cached, second.cached) == (False, True)
    assert second.seconds < first.seconds


@pytest.mark.skipif(shutil.which("npm") is None, reason="there is no npm on this machine")
async def test_an_express_service_is_built_and_answers(
    make: Builder, driver: Driver, run_dir: Path
) -> None:
    """A tiny Express service is built with npm, its build script run, and it answers."""
    package = {
        "scripts": {"start": "node dist/server.js", "build": "mkdir -p dist && cp *.js dist/"},
        "dependencies": {"express": "^4.19.0"},
    }
    source = (
        "const app = require('express')();\n"
        "app.get('/health', (_, res) => res.json({state: 'up'}));\n"
        "app.listen(process.env.PORT);\n"
    )
    files = {"package.json": json.dumps(package), "server.js": source}
    first = await make(files)
    second = await make(files)
    async with _running(second, "node dist/server.js", driver, run_dir) as (sandbox, port, lines):
        answer = await _get(sandbox, port, "/health", lines)

    assert '{"state":"up"}' in answer
    assert (first.cached, second.cached) == (False, True)


async def test_dependencies_resolve_as_of_the_submissions_date(make: Builder) -> None:
    """An unpinned requirement gets the version of its day; what is younger gets today's, said."""
    day = datetime(2024, 1, 15, tzinfo=UTC)
    old = await make({"main.py": "", "requirements.txt": "idna\n"}, _plain(), committed_at=day)
    young = await make(
        {"main.py": "", "requirements.txt": "idna>=3.7\n"}, _plain(), committed_at=day
    )

    assert "idna==3.6" in old.log_tail
    assert not any("do not resolve" in note for note in old.notes)
    assert any("do not resolve as of the submission's date" in note for note in young.notes)


def _plain(**more: Any) -> Recipe:
    plan = PythonBuild(kind="requirements", files=("requirements.txt",))
    return Recipe(**{
        "stack": "python", "source": "test", "start": "true", "dependencies": plan, **more
    })  # fmt: skip


async def _outcome(built: Built, command: str, driver: Driver, run_dir: Path) -> list[str]:
    async with _running(built, command, driver, run_dir) as (sandbox, _, lines):
        assert await sandbox.wait(20) is not None
    return lines


async def test_a_package_elsewhere_in_the_tree_can_be_required(
    make: Builder, driver: Driver, run_dir: Path
) -> None:
    """`-e ../kit` in a service's folder installs its neighbour, and works after the build."""
    project = '[project]\nname="kit"\nversion="1"\n[build-system]\nrequires=["hatchling"]\n'
    files = {
        "kit/pyproject.toml": f'{project}build-backend="hatchling.build"\n',
        "kit/src/kit/__init__.py": "WORD = 'from the kit'\n",
        "service/requirements.txt": "-e ../kit\n",
        "service/main.py": "import kit; print(kit.WORD)\n",
    }
    built = await make(files, _plain(), subdirectory="service")

    assert built.cwd == "/app/service"
    assert await _outcome(built, "python main.py", driver, run_dir) == ["from the kit"]


LOCK = '[[package]]\nname = "idna"\nversion = "3.6"\n'
POETRY = """[tool.poetry]
name = "x"
version = "1"
[tool.poetry.dependencies]
python = "^3.11"
idna = "^3.0"
"""
STANDARD = '[project]\nname = "x"\nversion = "1"\ndependencies = ["idna>=3"]\n'
PIPFILE_LOCK = '{"default": {"idna": {"version": "==3.6"}}}'


@pytest.mark.parametrize(
    "files",
    [
        {"pyproject.toml": POETRY, "poetry.lock": LOCK},
        {"pyproject.toml": STANDARD, "poetry.lock": LOCK},
        {"pyproject.toml": STANDARD, "pdm.lock": LOCK},
        {"Pipfile": '[packages]\nidna = "*"\n', "Pipfile.lock": PIPFILE_LOCK},
        {"pyproject.toml": STANDARD.replace(">=3", "==3.6")},
        {"requirements/prod.txt": "-r base.txt\n", "requirements/base.txt": "idna==3.6\n"},
    ],
)
async def test_every_way_of_naming_versions_is_honoured(
    make: Builder, files: dict[str, str]
) -> None:
    """The version that a lock or a pin names is the one installed, whichever tool wrote it."""
    built = await make({"main.py": "if __name__ == '__main__':\n    pass\n", **files})

    assert "idna==3.6" in built.log_tail


async def test_a_folder_called_like_a_dependency_does_not_hide_it(
    make: Builder, driver: Driver, run_dir: Path
) -> None:
    """A console script finds its own package although the submission has one of that name."""
    files = {
        "requirements.txt": "mako==1.3.10\n",
        "mako/__init__.py": "",
        "inner/own.py": "print('own folder found')\n",
    }
    recipe = _plain(
        dependencies=PythonBuild(
            kind="requirements", files=["requirements.txt"], import_paths=[".", "inner"]
        )
    )
    built = await make(files, recipe)
    said = await _outcome(built, "mako-render --help && cd / && python -m own", driver, run_dir)
    assert any("usage" in line for line in said), said
    assert "own folder found" in said


async def test_its_own_commands_run_last_and_their_results_stay(
    make: Builder, driver: Driver, run_dir: Path
) -> None:
    """A custom build command may write the tree and install more; both are there at run time."""
    files = {"requirements.txt": "", "main.py": "import idna; print(open('made').read())\n"}
    recipe = _plain(build=("pip install idna==3.6", "echo -n done > made"))
    built = await make(files, recipe)
    other = await make(files, _plain(build=("true # pip",)))

    assert await _outcome(built, "python main.py", driver, run_dir) == ["done"]
    assert any(
        "No module named 'idna'" in line
        for line in await _outcome(other, "python main.py", driver, run_dir)
    )


async def test_a_service_may_write_beside_its_code(
    make: Builder, driver: Driver, run_dir: Path
) -> None:
    """Folders of the tree can be written at run time, and the built tree stays as it was."""
    built = await make({"app/x": "1"}, Recipe(stack="x", source="t", start="x"))
    lines = await _outcome(
        built, "echo 2 > app/x; echo 3 > app/y; cat app/x app/y", driver, run_dir
    )

    assert lines == ["2", "3"]
    assert [path.name for path in (built.app_tree / "app").iterdir()] == ["x"]
    assert (built.app_tree / "app" / "x").read_text() == "1"


async def test_a_failing_command_shows_its_log(make: Builder) -> None:
    """A build command that fails is named with its status and the end of its output."""
    recipe = Recipe(stack="x", source="t", start="x", build=("echo because; exit 3",))
    with pytest.raises(SubmissionError, match="exit status 3") as caught:
        await make({"x": ""}, recipe)

    assert caught.value.log == "because"


async def test_a_requirement_that_does_not_exist_is_the_candidates(make: Builder) -> None:
    """A requirement nobody can satisfy is a failed submission, not a failed machine."""
    with pytest.raises(SubmissionError, match="do not install"):
        await make({"main.py": "", "requirements.txt": "idna==99.99\n"}, _plain())


async def test_a_registry_out_of_reach_is_the_machines(
    make: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the index cannot be reached, nobody but the machine is blamed."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("UV_DEFAULT_INDEX", f"http://127.0.0.1:{closed.getsockname()[1]}/simple")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        with pytest.raises(HarnessError, match="the package registry failed"):
            await make({"main.py": "", "requirements.txt": "idna\n"}, _plain())
