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

from acidtest.core.errors import HarnessError, InfrastructureError, SubmissionError
from acidtest.grader.lab.build import Built, build, workshop
from acidtest.grader.lab.intake import Submission, take_in
from acidtest.grader.lab.leftovers import RunDirectory
from acidtest.grader.lab.recipe import PythonBuild, Recipe, recognise
from acidtest.grader.lab.sandbox import Driver, SandboxSpec, choose_driver

pytestmark = pytest.mark.lab
APP = """
from fastapi import FastAPI
app = FastAPI()
@app.get("/health")
def health() -> dict[str, str]:
    return {"state": "up"}
"""
Builder = Callable[..., Coroutine[Any, Any, Built]]


@pytest.fixture
async def driver() -> Driver:
    """The isolating driver, or the plain one where this machine permits no sandbox."""
    try:
        return await choose_driver()
    except InfrastructureError:
        return await choose_driver("local-unsafe", allow_unsafe=True)


@pytest.fixture
def run_dir(tmp_path: Path) -> Any:
    """A run's directory, ended with the test."""
    with RunDirectory.create(tmp_path / "state") as run:
        yield run.path


@pytest.fixture
def make(driver: Driver, run_dir: Path, tmp_path: Path) -> Builder:
    """Build a submission made of files, with a cache of the test's own."""
    count = 0

    async def built(
        files: dict[str, str],
        recipe: Recipe | None = None,
        *,
        deadline: float = 100.0,
        subdirectory: str | None = None,
        committed_at: datetime | None = None,
    ) -> Built:
        nonlocal count
        count += 1
        submission = await _submission(tmp_path / f"s{count}", files, subdirectory)
        submission = submission.model_copy(update={"committed_at": committed_at})
        inner = run_dir / str(count)
        inner.mkdir()
        return await build(
            submission,
            recipe or recognise(submission.root),
            driver=driver,
            cache_dir=tmp_path / "cache",
            run_dir=inner,
            deadline=deadline,
        )

    return built


async def _submission(folder: Path, files: dict[str, str], inner: str | None) -> Submission:
    for name, text in files.items():
        (folder / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "in" / name).write_text(text)
    return await take_in(str(folder / "in"), folder / "copy", subdirectory=inner)


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


async def test_a_build_that_hangs_ends_by_the_deadline(make: Builder) -> None:
    """A build command that never ends is the candidate's failure, with what it wrote."""
    began = time.monotonic()
    recipe = Recipe(stack="x", source="t", start="x", build=("echo waiting; sleep 600",))
    with pytest.raises(SubmissionError, match="took longer than 2 s") as caught:
        await make({"x": ""}, recipe, deadline=2.0)

    assert caught.value.log == "waiting"
    assert time.monotonic() - began < 20


async def test_a_build_that_floods_its_output_is_bounded(make: Builder) -> None:
    """Endless output is kept to its tail and ends by the deadline."""
    recipe = Recipe(stack="x", source="t", start="x", build=("yes flood",))
    with pytest.raises(SubmissionError) as caught:
        await make({"x": ""}, recipe, deadline=1.5)

    assert len(caught.value.log) < 100_000


async def test_a_build_that_fills_the_disk_is_ended(
    make: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A build that writes more than its share is ended long before the disk is full."""
    monkeypatch.setattr(workshop, "_MOST_DISK", 20_000_000)
    fill = "i=0; while true; do i=$((i+1)); head -c 1000000 /dev/zero > f$i; sleep 0.01; done"
    recipe = Recipe(stack="x", source="t", start="x", build=(fill,))

    with pytest.raises(SubmissionError, match="wrote more than"):
        await make({"x": ""}, recipe, deadline=30.0)


async def test_a_fork_bomb_in_a_build_ends(make: Builder, driver: Driver) -> None:
    """A fork bomb exhausts its own bound and ends by the deadline."""
    if not driver.isolated:
        pytest.skip("processes are bounded by isolating drivers only")
    bomb = "bomb() { bomb | bomb & }; bomb; sleep 60"
    recipe = Recipe(stack="x", source="t", start="x", build=(bomb,))

    with pytest.raises(SubmissionError):
        await make({"x": ""}, recipe, deadline=2.0)


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


async def test_a_build_sees_nothing_of_the_grader(
    make: Builder, driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A build runs as nobody we know, without our environment and without our files."""
    if not driver.isolated:
        pytest.skip("only an isolating driver hides the machine")
    monkeypatch.setenv("GITHUB_TOKEN", "grader-secret")
    command = "env; id -u; cat /etc/shadow; ls -a /root; echo x > /usr/x; true"
    recipe = Recipe(stack="x", source="t", start="x", build=(command,))
    built = await make({"x": ""}, recipe)

    assert "grader-secret" not in built.log_tail
    assert "root:" not in built.log_tail
    assert "\n0\n" not in built.log_tail
    assert not Path("/usr/x").exists()


async def test_links_planted_by_a_build_lead_the_grader_nowhere(
    make: Builder, driver: Driver, tmp_path: Path
) -> None:
    """A build that puts links where the grader writes its own notes changes nothing outside."""
    if not driver.isolated:
        pytest.skip("only an isolating driver shows /env")
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    plant = "import os, setuptools\n"
    for name in ("notes", ".work/locked.txt", ".cache/x", "content"):
        plant += f"os.path.lexists('/env/{name}') or os.symlink({str(victim)!r}, '/env/{name}')\n"
    files = {
        "evil/setup.py": f"{plant}setuptools.setup(name='evil', version='1')\n",
        "requirements.txt": "./evil\n",
    }
    built = await make(files, _plain())

    assert victim.read_text() == "untouched"
    assert "untouched" not in "".join(built.notes)
    assert (built.mounts[0].source / "notes").is_symlink()


@pytest.mark.skipif(shutil.which("npm") is None, reason="there is no npm on this machine")
async def test_a_folder_swapped_for_a_link_is_not_followed(
    make: Builder, driver: Driver, tmp_path: Path
) -> None:
    """An install script that replaces the service's folder by a link out ends the build."""
    if not driver.isolated:
        pytest.skip("an isolating driver shows /app")
    outside = tmp_path / "outside"
    (outside / "node_modules").mkdir(parents=True)
    swap = f"cd /app && mv service moved && ln -s {outside} service"
    package = {"scripts": {"start": "node x.js", "postinstall": swap}, "dependencies": {"ms": "2"}}

    with pytest.raises(SubmissionError):
        await make(
            {"service/package.json": json.dumps(package), "service/x.js": ""},
            subdirectory="service",
        )
    assert [path.name for path in outside.iterdir()] == ["node_modules"]


async def test_a_kept_environment_cannot_be_changed_by_a_submission(make: Builder) -> None:
    """What one submission's own commands write into its environment, the next does not get."""
    files = {"requirements.txt": "idna==3.6\n", "main.py": ""}
    spoil = "for f in $(find /env -name core.py); do echo bad > $f; done; find /env -name core.py"
    first = await make(files, _plain(build=(spoil,)))
    second = await make(files, _plain())
    cores = [
        next(mount.source.rglob("idna/core.py")) for mount in (first.mounts[0], second.mounts[0])
    ]

    assert cores[0].read_text() == "bad\n"
    assert "def encode" in cores[1].read_text()
    assert second.cached
