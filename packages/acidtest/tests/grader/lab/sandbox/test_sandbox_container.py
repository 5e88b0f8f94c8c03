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
import pytest_asyncio

from acidtest.core.errors import InfrastructureError
from acidtest.grader.lab.leftovers import RunDirectory
from acidtest.grader.lab.sandbox import (
    MIB,
    ContainerDriver,
    ImageEnd,
    ImageOrder,
    Limits,
    Sandbox,
    SandboxSpec,
    build_image,
    drivers,
    image_facts,
)

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

IMAGE = "localhost/acidtest-shell:test"
FILL = (
    "x=0123456789abcdef; x=$x$x$x$x$x$x$x$x; x=$x$x$x$x$x$x$x$x; x=$x$x$x$x$x$x$x$x;"
    " while :; do echo $x; done > /fill"
)
"""A shell line that writes without end, eight kilobytes at a time."""
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


@pytest_asyncio.fixture(params=["podman", "docker"], scope="module", loop_scope="module")
async def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ContainerDriver]:
    """An engine with the image in it and, for Podman, a store of its own."""
    with pytest.MonkeyPatch.context() as patch:
        async for driver in _engine(request, tmp_path_factory, patch):
            yield driver


async def _engine(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[ContainerDriver]:
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


async def test_what_an_image_writes_is_bounded(start: Any) -> None:
    """A container that fills its own root is ended, and the log says why."""
    sandbox, lines = await start(
        FILL,
        limits=Limits(disk_bytes=4 * MIB, file_bytes=256 * MIB),
    )
    await sandbox.release()

    assert await sandbox.wait(60) == 137
    assert "wrote more than" in " ".join(lines) + sandbox.log_tail()


async def test_a_read_only_image_stays_as_it_is(start: Any) -> None:
    """Only the folders for temporary files can be written then."""
    sandbox, lines = await start(
        "echo x > /fill || echo refused; echo written > /tmp/x && cat /tmp/x > /run/x; cat /run/x",
        read_only=True,
    )
    await sandbox.release()

    assert await sandbox.wait(30) == 0
    assert {"refused", "written"} <= set(lines)


async def test_an_image_keeps_its_own_work_folder_and_environment(
    engine: ContainerDriver, run: RunDirectory, tmp_path: Path
) -> None:
    """Stages, arguments, named contexts and cache folders build; what is said of it is read."""
    (tmp_path / "context").mkdir()
    (tmp_path / "kit").mkdir()
    (tmp_path / "kit" / "word").write_text("from the kit\n")
    end = await _build(
        engine,
        run,
        tmp_path / "context",
        f"FROM {IMAGE} AS one\n"
        "ARG SAID\n"
        "COPY --from=kit word /word\n"
        "RUN --mount=type=cache,target=/kept echo $SAID >> /kept/x && cat /kept/x > /said\n"
        f"FROM {IMAGE} AS wanted\n"
        "COPY --from=one /word /said /srv/service/\n"
        "WORKDIR /srv/service\nENV COLOUR=green\nEXPOSE 8123\n"
        'ENTRYPOINT ["/bin/cat"]\nCMD ["word"]\n'
        "FROM scratch\n",
        target="wanted",
        args={"SAID": "hello"},
        contexts={"kit": str(tmp_path / "kit")},
    )
    assert end == ImageEnd(0)
    facts = await image_facts(engine.engine, _built_name(run))
    assert (facts.entrypoint, facts.command, facts.ports) == (("/bin/cat",), ("word",), (8123,))

    lines: list[str] = []
    spec = SandboxSpec(
        name="built",
        image=_built_name(run),
        command="echo $COLOUR > /tmp/colour; cat word said /tmp/colour",
        run_dir=run.path,
    )
    sandbox = await engine.prepare(spec, on_line=lambda _, line: lines.append(line))
    await sandbox.release()
    assert await sandbox.wait(30) == 0
    await sandbox.close()
    assert lines == ["from the kit", "hello", "green"]


async def test_a_program_that_ends_at_once_has_ended(
    engine: ContainerDriver, run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container whose program is over before it is looked for is no trouble of ours."""
    sandbox = await engine.prepare(
        SandboxSpec(name="short", image=IMAGE, command="true", run_dir=run.path),
        on_line=lambda *_: None,
    )
    look = sandbox._find_main

    async def late() -> None:
        assert await sandbox.wait(30) == 0
        await look()

    monkeypatch.setattr(sandbox, "_find_main", late)
    try:
        await sandbox.release()
        await sandbox.signal(signal.SIGTERM)
    finally:
        await sandbox.close()


async def test_a_run_takes_its_image_with_it(
    engine: ContainerDriver, run: RunDirectory, tmp_path: Path
) -> None:
    """When a run ends, or is swept after its grader died, its image goes."""
    before = await _images(engine)
    assert await _build(engine, run, tmp_path, f"FROM {IMAGE}\nRUN echo x > /x\n") == ImageEnd(0)
    assert await _images(engine) != before
    await asyncio.to_thread(run.close)

    assert await _images(engine) == before


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        ("sleep 600", None),
        ("tail /dev/zero", "took more than 64 MiB"),
        (FILL, "wrote more than"),
    ],
)
async def test_a_build_without_end_is_ended(
    engine: ContainerDriver, run: RunDirectory, tmp_path: Path, step: str, reason: str | None
) -> None:
    """Time, memory and disk of a build's steps are bounded, and nothing of it stays."""
    if engine.name == "docker" and reason is not None:
        pytest.skip("Docker's builder is bounded by its daemon")
    end = await _build(
        engine, run, tmp_path, f"FROM {IMAGE}\nRUN {step}\n", deadline=8 if reason is None else 60
    )

    if reason is None:
        assert end == ImageEnd(None)
    else:
        assert end.overstepped is not None
        assert reason in end.overstepped
    assert await _left_of_builds(engine) == ""
    assert not _groups_of(run)


async def test_a_build_goes_with_its_grader(
    engine: ContainerDriver, run: RunDirectory, tmp_path: Path
) -> None:
    """Ending a run in the middle of its build ends the step and removes its container."""
    if engine.name == "docker":
        pytest.skip("Docker's builder ends by itself when nobody waits for it")
    building = asyncio.create_task(
        _build(engine, run, tmp_path, f"FROM {IMAGE}\nRUN sleep 600\n", deadline=120)
    )
    deadline = time.monotonic() + 60
    while not (run.path / "containers").exists():
        assert time.monotonic() < deadline
        assert not building.done()
        await asyncio.sleep(0.02)
    await asyncio.to_thread(run.close)
    await building

    assert await _left_of_builds(engine) == ""
    assert not _groups_of(run)


async def _build(
    engine: ContainerDriver,
    run: RunDirectory,
    context: Path,
    dockerfile: str,
    *,
    deadline: float = 60,
    **order: Any,
) -> ImageEnd:
    (context / "Dockerfile").write_text(dockerfile)
    wanted = ImageOrder(
        name=_built_name(run),
        context=context,
        dockerfile=context / "Dockerfile",
        run_dir=run.path,
        limits=Limits(memory_bytes=64 * MIB, disk_bytes=8 * MIB),
        pull="never",
        **order,
    )
    said: list[str] = []
    end = await build_image(
        engine.engine, wanted, deadline=deadline, on_line=lambda _, line: said.append(line)
    )
    assert end.code != 125, said
    return end


def _built_name(run: RunDirectory) -> str:
    return f"localhost/acidtest-submission:{run.path.name}"


async def _images(engine: ContainerDriver) -> str:
    return (await engine.command("images", "--all", "--quiet", "--no-trunc")).output


async def _left_of_builds(engine: ContainerDriver) -> str:
    words = ["ps", "--all", "--quiet"]
    words += ["--external"] if engine.name == "podman" else []
    return (await engine.command(*words)).output.strip()


def _groups_of(run: RunDirectory) -> list[str]:
    """The control groups this run wrote down that are still there."""
    noted = run.path / "cgroups"
    lines = noted.read_text().splitlines() if noted.exists() else []
    return [line for line in lines if Path(line).exists()]
