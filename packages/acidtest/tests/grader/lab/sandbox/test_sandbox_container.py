"""Container engines behind the same protocol, with an image made of this machine's shell."""

import asyncio
import re
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from acidtest.core.errors import InfrastructureError
from acidtest.grader.lab.leftovers import RunDirectory
from acidtest.grader.lab.sandbox import MIB, Limits, Sandbox, SandboxSpec, drivers
from acidtest.grader.lab.sandbox._container import ContainerDriver

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

IMAGE = "localhost/acidtest-shell:test"
TOOLS = ("sh", "sleep", "cat", "id", "ls", "tail")


def _root(path: Path) -> Path:
    """A root directory with a shell, a few programs and the libraries these need."""
    for folder in ("bin", "tmp", "app", "etc", "proc", "sys", "dev"):
        (path / folder).mkdir(parents=True)
    for tool in TOOLS:
        source = Path(shutil.which(tool) or "").resolve()
        shutil.copy(source, path / "bin" / tool)
        linked = subprocess.run(["ldd", source], capture_output=True, text=True, check=False)
        for library in re.findall(r"(/\S+\.so\S*)", linked.stdout):
            target = path / library.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(Path(library).resolve(), target)
    return path


def _archive(place: Path) -> Path:
    archive = place / "root.tar"
    subprocess.run(["tar", "-C", _root(place / "root"), "-cf", archive, "."], check=True)
    return archive


def _unmount(point: Path) -> None:
    """Podman leaves its store mounted on itself."""
    subprocess.run(["umount", point], check=False, capture_output=True)


@pytest.fixture(params=["podman", "docker"])
async def engine(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[ContainerDriver]:
    """An engine with the image in it and, for Podman, a store of its own."""
    found = next(driver for driver in drivers() if driver.name == request.param)
    assert isinstance(found, ContainerDriver)
    place = tmp_path_factory.mktemp("engine")
    conf = place / "storage.conf"
    conf.write_text(
        f'[storage]\ndriver = "overlay"\ngraphroot = "{place}/graph"\nrunroot = "{place}/run"\n'
    )
    monkeypatch.setenv("CONTAINERS_STORAGE_CONF", str(conf))
    probe = await found.probe()
    if not probe.ok:
        pytest.skip(f"no {found.name}: {probe.reason}")
    made = await found.command("import", str(_archive(place)), IMAGE)
    assert made.returncode == 0, made.output
    yield found
    await found.command("rmi", "--force", IMAGE)
    if found.name == "podman":
        _unmount(place / "graph" / "overlay")


@pytest.fixture
async def start(engine: ContainerDriver, run: RunDirectory) -> AsyncIterator[Any]:
    """Start programs in containers that are removed after the test."""
    made: list[Sandbox] = []

    async def begin(command: str, **spec: Any) -> tuple[Sandbox, list[str]]:
        lines: list[str] = []
        wanted = SandboxSpec(
            name=f"box{len(made)}", image=IMAGE, command=command, run_dir=run.path, **spec
        )
        sandbox = await engine.prepare(wanted, on_line=lambda _, line: lines.append(line))
        made.append(sandbox)
        return sandbox, lines

    yield begin
    for sandbox in made:
        await sandbox.close()
    left = await engine.command("ps", "--all", "--quiet", "--filter", "name=acidtest-box")
    assert left.output.strip() == ""


async def test_a_container_keeps_the_promises_of_a_sandbox(start: Any) -> None:
    """Waiting, environment, names, listener, exit status and signals are as in every sandbox."""
    sandbox, lines = await start(
        "echo $X $(cat /etc/hosts); trap 'exit 5' TERM; echo up; sleep 60 & wait"
    )
    with await sandbox.listener(5432):
        assert await sandbox.wait(0.3) is None
        assert lines == []
        await sandbox.release(env={"X": "a b'c"})
        deadline = time.monotonic() + 20
        while "up" not in lines:
            assert time.monotonic() < deadline, lines
            await asyncio.sleep(0.01)
        assert lines[0].startswith("a b'c")
        assert "127.0.0.1 postgres" in " ".join(lines[0].split())
        usage = await sandbox.usage()
        assert usage.memory_bytes > 0
        await sandbox.signal(signal.SIGTERM)

        assert await sandbox.wait(20) == 5


async def test_a_paused_container_stands_still(start: Any) -> None:
    """Freezing stops the output, thawing continues it, and a frozen one can be killed."""
    sandbox, lines = await start("while echo tick; do sleep 0.05; done")
    await sandbox.release()
    deadline = time.monotonic() + 20
    while len(lines) < 3:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    await sandbox.freeze()
    await asyncio.sleep(0.2)  # what was written before the pause arrives
    before = len(lines)
    await asyncio.sleep(0.3)
    assert len(lines) == before
    await sandbox.thaw()
    while len(lines) == before:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    await sandbox.freeze()
    await sandbox.kill()

    assert not sandbox.running


async def test_a_container_that_takes_too_much_memory_is_ended(start: Any) -> None:
    """The engine's memory limit holds and the reason is known."""
    sandbox, _ = await start("tail /dev/zero", limits=Limits(memory_bytes=32 * MIB))
    await sandbox.release()

    assert await sandbox.wait(30) == 137
    assert (await sandbox.usage()).oom_killed


async def test_the_graders_client_meets_nobody_where_nobody_listens(start: Any) -> None:
    """The client's sockets live inside: the machine's own servers are not there."""
    sandbox, _ = await start("sleep 60")
    await sandbox.release()
    connector = aiohttp.TCPConnector(socket_factory=sandbox.socket)
    async with aiohttp.ClientSession(connector=connector) as client:
        with pytest.raises(aiohttp.ClientConnectorError):
            await client.get("http://127.0.0.1:8000/")


async def test_an_image_is_needed(run: RunDirectory) -> None:
    """Without an image the driver says so."""
    driver = next(driver for driver in drivers() if driver.name == "podman")
    spec = SandboxSpec(name="x", command="true", run_dir=run.path)

    with pytest.raises(InfrastructureError, match="image"):
        await driver.prepare(spec, on_line=lambda *_: None)
