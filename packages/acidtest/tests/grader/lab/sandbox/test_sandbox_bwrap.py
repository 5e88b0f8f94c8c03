"""The bwrap driver with programs that mean no harm."""

import asyncio
import os
import shutil
import signal
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from acidtest.core.errors import InfrastructureError, SubmissionError
from acidtest.grader.lab.leftovers import RunDirectory
from acidtest.grader.lab.sandbox import Limits, Mount, Network, open_tree

Start = Callable[..., Awaitable[Any]]

pytestmark = pytest.mark.lab

PYTHON = "/usr/bin/python3 -I"
SERVER = f"{PYTHON} -m http.server --bind 127.0.0.1 8000"


async def _get(program: Any, path: str = "/", port: int = 8000) -> tuple[int, str]:
    connector = aiohttp.TCPConnector(socket_factory=program.sandbox.socket)
    deadline = time.monotonic() + 15
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}", connector=connector) as client:
        while True:
            with suppress(aiohttp.ClientConnectorError):
                answer = await client.get(path)
                return answer.status, await answer.text()
            assert time.monotonic() < deadline, program.lines
            await asyncio.sleep(0.01)


async def test_the_exit_status_and_the_output_come_back(start: Start) -> None:
    """What a program says and how it ends is told."""
    program = await start("echo hello; echo trouble >&2; exit 7")

    assert await program.ended() == 7
    assert sorted(program.lines) == ["hello", "trouble"]
    assert program.sandbox.exit_code == 7
    assert not program.sandbox.running


async def test_nothing_runs_before_the_release(start: Start) -> None:
    """Between preparing and releasing the program does not exist."""
    program = await start("echo started", release=False)

    assert await program.sandbox.wait(0.2) is None
    assert program.lines == []
    assert not program.sandbox.running

    await program.sandbox.release()

    assert await program.ended() == 0
    assert program.lines == ["started"]


async def test_a_prepared_sandbox_can_be_closed_unused(start: Start, run: RunDirectory) -> None:
    """A sandbox that was never released goes without a trace."""
    program = await start("echo started", release=False)
    await program.sandbox.close()
    await program.sandbox.close()

    assert program.lines == []
    assert list((run.path / "boxes").iterdir()) == []


async def test_the_environment_is_what_the_spec_says(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Values given at the spec and at the release arrive unharmed; ours do not."""
    monkeypatch.setenv("SECRET_OF_OURS", "1")
    odd = "a b'c\"d$HOME`x`\n;e"
    program = await start(f"{PYTHON} -c 'import os; print(dict(os.environ))'", release=False)
    await program.sandbox.release(env={"ODD": odd})
    await program.ended()

    seen = eval(program.lines[0])  # noqa: S307 - our own program wrote it
    assert seen.pop("ODD") == odd
    assert set(seen) - {"PWD", "OLDPWD", "SHLVL", "_", "LC_CTYPE"} == {
        *("PATH", "HOME", "USER", "LANG", "TMPDIR")
    }


@pytest.mark.parametrize("env", [{"A B": "1"}, {"-u": "1"}, {"A": "\0"}, {"": "1"}])
async def test_an_impossible_environment_is_the_submissions_error(
    start: Start, env: dict[str, str]
) -> None:
    """A name or value that no environment can hold is refused before anything starts."""
    program = await start("true", release=False)

    with pytest.raises(SubmissionError):
        await program.sandbox.release(env=env)


async def test_a_listener_is_reached_by_the_names_people_use(start: Start) -> None:
    """A program finds the grader's listener as postgres:5432, db:5432 and localhost:5432."""
    code = (
        "import socket\n"
        "for name in ('postgres', 'db', 'localhost', '127.0.0.1', 'host.docker.internal'):\n"
        "    with socket.create_connection((name, 5432), 5) as s: s.sendall(name.encode())\n"
    )
    program = await start(f"{PYTHON} -c '{code.replace(chr(39), chr(34))}'", release=False)
    listener = await program.sandbox.listener(5432)
    await program.sandbox.release()
    names = []
    loop = asyncio.get_running_loop()
    with listener:
        for _ in range(5):
            connection, _ = await asyncio.wait_for(loop.sock_accept(listener), 15)
            with connection:
                names.append((await loop.sock_recv(connection, 100)).decode())

    assert names == ["postgres", "db", "localhost", "127.0.0.1", "host.docker.internal"]
    assert await program.ended() == 0


async def test_a_server_inside_is_reached_through_its_sockets(start: Start, tree: Path) -> None:
    """The grader's HTTP client reaches a program that listens inside."""
    (tree / "page").write_text("found")
    open_tree(tree, writable=True)
    program = await start(SERVER)

    assert await _get(program, "/page") == (200, "found")


async def test_two_sandboxes_use_the_same_port_at_once(start: Start) -> None:
    """Each replica has a network of its own."""
    code = "echo {} > index.html; exec " + SERVER
    first, second = await start(code.format("one")), await start(code.format("two"))

    assert await _get(first) == (200, "one\n")
    assert await _get(second) == (200, "two\n")


async def test_a_port_inside_is_not_a_port_of_the_machine(start: Start) -> None:
    """What listens inside cannot be reached from the machine's own network."""
    program = await start(SERVER)
    await _get(program)

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", 8000), 1).close()


async def test_what_is_written_stays_in_its_own_sandbox(start: Start, tree: Path) -> None:
    """/app can be written, by each sandbox for itself, and the tree below never changes."""
    (tree / "data").mkdir()
    (tree / "data" / "file").write_text("old\n")
    open_tree(tree, writable=True)
    writer = await start("echo new > data/file; echo x > data/more; rm -r data/file; ls data")
    assert await writer.ended() == 0
    reader = await start("cat data/file; ls data")
    assert await reader.ended() == 0

    assert writer.lines == ["more"]
    assert reader.lines == ["old", "file"]
    assert [path.name for path in (tree / "data").iterdir()] == ["file"]


async def test_mounts_are_shown_where_asked(start: Start, tmp_path: Path) -> None:
    """A read-only mount can be read and not written; a writable one comes back as ours."""
    shown, given = tmp_path / "shown", tmp_path / "given"
    shown.mkdir()
    given.mkdir()
    (shown / "file").write_text("text\n")
    open_tree(shown, writable=False)
    program = await start(
        "cat /deep/er/shown/file; echo x > /deep/er/shown/new; echo y > /given/new; true",
        mounts=(
            Mount(source=shown, target="/deep/er/shown"),
            Mount(source=given, target="/given", writable=True),
        ),
    )
    assert await program.ended() == 0
    await program.sandbox.close()

    assert "text" in program.lines
    assert not (shown / "new").exists()
    assert (given / "new").read_text() == "y\n"
    assert [entry.stat().st_uid for entry in os.scandir(given)] == [os.geteuid()]


@pytest.mark.parametrize("command", ["{}", "cd / && {}", "A=1 {}", "umask 022; {}"])
async def test_a_signal_reaches_the_program_itself(start: Start, command: str) -> None:
    """SIGTERM arrives at the program and not at a shell in front of it."""
    code = (
        "import os, signal, sys, time\n"
        'signal.signal(signal.SIGTERM, lambda *_: (os.write(1, b"bye\\n"), sys.exit(5)))\n'
        'print("ready", flush=True)\n'
        "time.sleep(60)\n"
    )
    program = await start(command.format(f"{PYTHON} -c '{code}'"))
    await program.said("ready")
    await program.sandbox.signal(signal.SIGTERM)

    assert await program.ended() == 5
    assert "bye" in program.lines


async def test_an_end_by_signal_is_told_as_a_shell_does(start: Start) -> None:
    """A program that a signal ended has the status 128 + n."""
    program = await start("exec sleep 60")
    await program.sandbox.signal(signal.SIGTERM)

    assert await program.ended() == 128 + signal.SIGTERM


async def test_a_frozen_program_answers_only_after_the_thaw(start: Start) -> None:
    """While frozen nothing answers; afterwards the waiting request does."""
    program = await start(SERVER)
    await _get(program)
    await program.sandbox.freeze()

    request = asyncio.create_task(_get(program))
    done, _ = await asyncio.wait([request], timeout=0.3)
    assert not done

    await program.sandbox.thaw()

    assert (await asyncio.wait_for(request, 10))[0] == 200


async def test_a_frozen_program_can_be_killed(start: Start) -> None:
    """Ending does not need a thaw by the caller."""
    program = await start(SERVER)
    await program.sandbox.freeze()
    await asyncio.wait_for(program.sandbox.kill(), 10)

    assert not program.sandbox.running


async def test_usage_tells_memory_time_and_processes(start: Start) -> None:
    """What a program takes is measured while it runs and still known after its end."""
    code = (
        "import time; x = bytearray(60_000_000); sum(range(3_000_000));"
        " print(1, flush=True); time.sleep(60)"
    )
    program = await start(f"sleep 60 & {PYTHON} -c '{code}'")
    await program.said("1")
    usage = await program.sandbox.usage()
    await program.sandbox.close()
    after = await program.sandbox.usage()

    assert usage.memory_bytes > 50_000_000
    assert usage.processes >= 2
    assert usage.cpu_seconds > 0
    assert not usage.oom_killed
    assert after.peak_bytes >= usage.memory_bytes * 0.9


async def test_runtimes_work_behind_the_lock_on_system_calls(start: Start) -> None:
    """Threads, subprocesses, event loops and pools do what they do outside."""
    code = (
        "import asyncio, subprocess, threading, tempfile, multiprocessing\n"
        "t = threading.Thread(target=print, args=('thread',)); t.start(); t.join()\n"
        "print(subprocess.run(['echo', 'child'], capture_output=True, text=True).stdout)\n"
        "asyncio.run(asyncio.sleep(0))\n"
        "multiprocessing.get_context('fork').Lock()\n"
        "with multiprocessing.get_context('fork').Pool(2) as pool: print(pool.map(abs, [-1, -2]))\n"
        "tempfile.TemporaryFile().write(b'x')\n"
        "print('done')\n"
    )
    program = await start(f'{PYTHON} -c "{code}"')

    assert await program.ended() == 0, program.lines
    assert {"thread", "child", "[1, 2]", "done"} <= set(program.lines)


async def test_node_works_behind_the_lock_on_system_calls(start: Start) -> None:
    """Node serves and answers itself inside."""
    if not (shutil.which("node") or "").startswith("/usr/"):
        pytest.skip("no node below /usr")
    code = (
        'require("http").createServer((q, r) => r.end("ok")).listen(0, function () {'
        ' fetch("http://localhost:" + this.address().port).then(r => r.text())'
        ".then(t => { console.log(t); process.exit(0) }) })"
    )
    program = await start(f"node -e '{code}'")

    assert await program.ended() == 0, program.lines
    assert program.lines == ["ok"]


async def test_a_build_may_reach_the_network(start: Start) -> None:
    """With the machine's network, a program reaches what listens there."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        code = f'import socket; socket.create_connection(("127.0.0.1", {port}), 5)'
        program = await start(f"{PYTHON} -c '{code}'", network=Network.HOST)

        assert await program.ended() == 0, program.lines


async def test_a_mount_that_is_not_there_is_an_infrastructure_error(
    start: Start, tmp_path: Path
) -> None:
    """A world that cannot be built says why and leaves nothing."""
    missing = Mount(source=tmp_path / "missing", target="/missing")

    with pytest.raises(InfrastructureError, match="missing"):
        await start("true", mounts=(missing,))


async def test_a_second_release_is_refused(start: Start) -> None:
    """One sandbox runs one program once."""
    program = await start("true")

    with pytest.raises(InfrastructureError):
        await program.sandbox.release()


async def test_the_limits_of_open_files_hold(start: Start) -> None:
    """A program sees its limits and cannot raise them."""
    program = await start("ulimit -n; ulimit -n 5000", limits=Limits(open_files=256))

    assert await program.ended() != 0
    assert program.lines[0] == "256"


async def test_starting_takes_little(start: Start) -> None:
    """Building and releasing a sandbox costs a small part of a second."""
    took = []
    for _ in range(5):
        began = time.monotonic()
        program = await start("echo up")
        await program.said("up")
        took.append(time.monotonic() - began)

    assert min(took) < 1.0
