"""The driver that isolates nothing keeps the promises that need no isolation."""

import asyncio
import os
import signal
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from acidtest.core.errors import UsageError
from acidtest.grader.lab.leftovers import RunDirectory
from acidtest.grader.lab.sandbox import (
    MIB,
    Driver,
    Limits,
    Mount,
    Sandbox,
    SandboxSpec,
    choose_driver,
)

pytestmark = pytest.mark.lab


class Trusted:
    """Starts programs without isolation."""

    def __init__(self, run: RunDirectory, tree: Path) -> None:
        self._run, self._tree = run, tree
        self.lines: list[str] = []
        self.made: list[Sandbox] = []
        self._driver: Driver | None = None

    async def prepare(
        self, command: str, *, mounts: tuple[Mount, ...] = (), limits: Limits | None = None
    ) -> Sandbox:
        """Prepare one program."""
        if self._driver is None:
            self._driver = await choose_driver("local-unsafe", allow_unsafe=True)
        driver = self._driver
        spec = SandboxSpec(
            name="trusted",
            command=command,
            run_dir=self._run.path,
            layered=self._tree,
            mounts=mounts,
            limits=limits or Limits(),
        )
        made = await driver.prepare(spec, on_line=lambda _, line: self.lines.append(line))
        self.made.append(made)
        return made


@pytest.fixture
async def trusted(run: RunDirectory, tree: Path) -> AsyncIterator[Trusted]:
    """Start programs that are closed after the test."""
    made = Trusted(run, tree)
    yield made
    for sandbox in made.made:
        await sandbox.close()


def _alive(pid: int) -> bool:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] not in "ZX"


async def test_it_must_be_allowed_explicitly() -> None:
    """Naming the driver is not enough; a server never allows it."""
    with pytest.raises(UsageError, match="isolates nothing"):
        await choose_driver("local-unsafe")


async def test_an_unknown_driver_is_named() -> None:
    """A driver that does not exist is the user's error."""
    with pytest.raises(UsageError, match="no-such"):
        await choose_driver("no-such")


async def test_it_says_what_it_does_not_do() -> None:
    """The notice stands in what the driver tells of itself."""
    driver = await choose_driver("local-unsafe", allow_unsafe=True)

    assert not driver.isolated
    assert "NOT ISOLATED" in (await driver.probe()).reason


async def test_it_works_on_a_copy(trusted: Trusted, tree: Path) -> None:
    """What the program writes to /app never reaches the tree."""
    (tree / "file").write_text("old\n")
    sandbox = await trusted.prepare("cat /app/file; echo new > /app/file; echo $PWD $HOME; exit 3")
    await sandbox.release()

    assert await sandbox.wait(10) == 3
    assert trusted.lines[0] == "old"
    assert (tree / "file").read_text() == "old\n"


async def test_paths_of_mounts_lead_to_their_sources(trusted: Trusted, tmp_path: Path) -> None:
    """A path that a sandbox would mount is replaced in the command and in the environment."""
    (tmp_path / "bin").mkdir()
    tool = tmp_path / "bin" / "tool"
    tool.write_text("#!/bin/sh\necho tool $WHERE\n")
    tool.chmod(0o755)
    mount = Mount(source=tmp_path, target="/env")
    sandbox = await trusted.prepare(
        "tool && cat /env/bin/tool && echo /environment", mounts=(mount,)
    )
    await sandbox.release(env={"PATH": "/env/bin:/usr/bin:/bin", "WHERE": "postgres://x/env"})
    await sandbox.wait(10)

    assert trusted.lines[0] == "tool postgres://x/env"
    assert trusted.lines[-1] == "/environment"


async def test_a_taken_port_gives_way(trusted: Trusted) -> None:
    """Listeners and the program's own port move where the machine already uses them."""
    sandbox = await trusted.prepare("true")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with await sandbox.listener(port) as listener:
            assert listener.getsockname()[1] not in {0, port}
        assert await sandbox.reserve_port(port) not in {0, port}


async def test_no_two_programs_are_told_the_same_port(trusted: Trusted) -> None:
    """Programs that start at the same time get ports of their own before any of them listens."""
    sandboxes = [await trusted.prepare("true") for _ in range(4)]

    ports = [await sandbox.reserve_port(8000) for sandbox in sandboxes]

    assert len(set(ports)) == len(sandboxes)


async def test_a_signal_reaches_the_program(trusted: Trusted) -> None:
    """SIGTERM arrives at the program itself."""
    sandbox = await trusted.prepare("sleep 60")
    await sandbox.release()
    await sandbox.signal(signal.SIGTERM)

    assert await sandbox.wait(10) == 128 + signal.SIGTERM


async def test_survivors_die_with_it(trusted: Trusted) -> None:
    """A daemon in a session of its own, orphaned, ends when the sandbox is killed."""
    sandbox = await trusted.prepare("setsid sh -c 'echo $$; sleep 600; :' & sleep 0.3; exit 0")
    await sandbox.release()
    await sandbox.wait(10)
    survivor = int(trusted.lines[0])
    assert _alive(survivor)
    await sandbox.kill()

    deadline = time.monotonic() + 5
    while _alive(survivor):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def test_memory_is_watched(trusted: Trusted) -> None:
    """Taking more memory than allowed ends the program, and the reason is known."""
    code = "hog = []; [hog.append(bytearray(2_000_000)) or time.sleep(.005) for _ in range(2000)]"
    command = f"/usr/bin/python3 -I -c 'import time; {code}'"
    sandbox = await trusted.prepare(command, limits=Limits(memory_bytes=64 * MIB))
    await sandbox.release()

    assert await sandbox.wait(20) == 137
    assert (await sandbox.usage()).oom_killed
    assert "more memory" in sandbox.log_tail()


async def test_our_environment_stays_ours(
    trusted: Trusted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Secrets of the grader's environment do not reach the program."""
    monkeypatch.setenv("SECRET_OF_OURS", "1")
    sandbox = await trusted.prepare("env")
    await sandbox.release()
    await sandbox.wait(10)

    assert not [line for line in trusted.lines if "SECRET" in line]
    assert f"HOME={os.environ.get('HOME')}" not in trusted.lines
