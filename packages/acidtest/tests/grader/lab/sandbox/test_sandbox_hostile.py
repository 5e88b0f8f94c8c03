"""The bwrap driver with programs that mean harm: each ends bounded, the machine unharmed."""

import asyncio
import os
import socket
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from acidtest.grader.lab.sandbox import MIB, Limits, Mount

Start = Callable[..., Awaitable[Any]]

pytestmark = pytest.mark.lab

PYTHON = "/usr/bin/python3 -I"


def _script(tree: Path, code: str) -> str:
    """Write `code` into the tree and return the command that runs it."""
    (tree / "hostile.py").write_text(code)
    (tree / "hostile.py").chmod(0o644)
    return f"{PYTHON} hostile.py"


def _marked(mark: str) -> list[int]:
    """The living processes that have `mark` among their arguments."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark.encode() in (entry / "cmdline").read_bytes():
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
                found += [int(entry.name)] if state not in "ZX" else []
        except OSError:
            continue
    return found


async def test_a_fork_bomb_stays_small(start: Start, tree: Path) -> None:
    """Forking without end is stopped at the limit and ends with the sandbox."""
    code = (
        "import os, time\n"
        "while True:\n"
        "    try:\n"
        "        os.fork()\n"
        "    except OSError:\n"
        "        print('full', flush=True); time.sleep(60)\n"
    )
    program = await start(_script(tree, code), limits=Limits(processes=40))
    await program.said("full")
    usage = await program.sandbox.usage()
    began = time.monotonic()
    await program.sandbox.kill()

    assert usage.processes <= 40
    assert time.monotonic() - began < 10
    assert not program.sandbox.running


async def test_without_control_groups_bounds_still_hold(
    start: Start, tree: Path, driver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no group can be had, processes are counted by the kernel and memory is watched."""
    monkeypatch.setattr(driver, "_groups", None)
    bomb = (
        "import os, time\n"
        "while True:\n"
        "    try:\n"
        "        os.fork()\n"
        "    except OSError:\n"
        "        print('full', flush=True); time.sleep(60)\n"
    )
    program = await start(_script(tree, bomb), limits=Limits(processes=40))
    await program.said("full")
    assert 2 <= (await program.sandbox.usage()).processes <= 42
    await program.sandbox.close()

    hog = "import time; kept = [bytearray(2_000_000) for _ in range(90)]; time.sleep(60)"
    program = await start(_script(tree, hog), limits=Limits(memory_bytes=96 * MIB))
    assert await program.ended() == 137
    assert (await program.sandbox.usage()).oom_killed
    assert "more memory" in program.sandbox.log_tail()


async def test_without_control_groups_a_program_can_be_frozen(
    start: Start, driver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Freezing by signals stops every process inside and thawing continues them."""
    monkeypatch.setattr(driver, "_groups", None)
    program = await start("while echo tick; do sleep 0.01; done")
    await program.said("tick")
    await program.sandbox.freeze()
    await asyncio.sleep(0.1)  # what was written before the freeze arrives
    before = len(program.lines)
    await asyncio.sleep(0.2)
    assert len(program.lines) == before

    await program.sandbox.thaw()
    deadline = time.monotonic() + 10
    while len(program.lines) == before:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def test_a_memory_hog_is_ended_and_reported(start: Start, tree: Path) -> None:
    """Taking more memory than allowed ends the program, and the reason is known."""
    code = "hog = []\nwhile True: hog.append(bytearray(4_000_000))"
    program = await start(_script(tree, code), limits=Limits(memory_bytes=96 * MIB))

    assert await program.ended() == 137
    assert (await program.sandbox.usage()).oom_killed


PLACES = ("app", "tmp", "home/app", "dev/shm", "var/tmp", "run")


@pytest.mark.parametrize("place", PLACES)
async def test_a_disk_filler_finds_the_disk_full(start: Start, place: str) -> None:
    """Wherever a program writes, it may write so much and no more."""
    command = f"for i in 1 2 3 4; do head -c 12m /dev/zero > /{place}/f$i || echo refused; done"
    limits = Limits(disk_bytes=32 * MIB)
    program = await start(f"{command}; du -sm /{place} | cut -f1", limits=limits)

    await program.ended()
    assert "refused" in program.lines
    assert any("No space left" in line for line in program.lines)


async def test_all_places_share_one_bound(start: Start) -> None:
    """Filling one place leaves no room in the others."""
    command = "head -c 20m /dev/zero > /tmp/a; head -c 20m /dev/zero > $HOME/b || echo refused"
    program = await start(command, limits=Limits(disk_bytes=32 * MIB))
    await program.ended()

    assert "refused" in program.lines


async def test_many_small_files_end_too(start: Start, tree: Path) -> None:
    """Files without content are bounded by their number."""
    code = (
        "import os\n"
        "try:\n"
        "    for n in range(10**7): os.close(os.open(f'/tmp/{n}', os.O_CREAT))\n"
        "except OSError as e: print('stopped', e.errno, n)\n"
    )
    program = await start(_script(tree, code))
    line = await program.said("stopped", seconds=40)

    assert int(line.split()[2]) <= 200_000


async def test_a_writable_mount_is_bounded(start: Start, tmp_path: Path) -> None:
    """A program that fills a directory of the host is ended, and the log says why."""
    given = tmp_path / "given"
    given.mkdir()
    program = await start(
        "while true; do head -c 1m /dev/zero >> /given/f; sleep 0.01; done",
        mounts=(Mount(source=given, target="/given", writable=True),),
        limits=Limits(disk_bytes=8 * MIB),
    )

    assert await program.ended() == 137
    assert "wrote more than" in program.sandbox.log_tail()


async def test_endless_output_is_bounded(start: Start) -> None:
    """A program that never stops writing neither fills nor stops the grader."""
    program = await start("yes 'all checks passed'", limits=Limits(output_bytes=100_000))
    await program.said("all checks passed")
    began, turns = time.monotonic(), 0
    while time.monotonic() - began < 1.0:
        await asyncio.sleep(0.01)
        turns += 1
    await program.sandbox.kill()

    assert turns > 10
    assert len(program.sandbox.log_tail()) < 120_000


async def test_an_endless_line_is_bounded(start: Start) -> None:
    """A line without an end is cut."""
    program = await start("head -c 5000000 /dev/zero | tr '\\0' x; echo; echo next")
    await program.ended()

    assert len(program.sandbox.log_tail()) < 50_000


async def test_listening_everywhere_disturbs_nobody(start: Start, tree: Path) -> None:
    """A program on all ports it can get leaves the grader's listener and the machine alone."""
    code = (
        "import socket\n"
        "kept = []\n"
        "for port in range(1024, 5000):\n"
        "    s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\n"
        "    try: s.bind(('0.0.0.0', port)); s.listen(); kept.append(s)\n"
        "    except OSError: pass\n"
        "print('listening', len(kept), flush=True)\n"
        "try:\n"
        "    s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)\n"
        "    s.bind(('127.0.0.1', 5432)); print('stole it', flush=True)\n"
        "except OSError: print('kept out', flush=True)\n"
        "socket.create_connection(('127.0.0.1', 5432)).sendall(b'mine')\n"
    )
    program = await start(_script(tree, code), release=False)
    with await program.sandbox.listener(5432) as listener:
        await program.sandbox.release()
        loop = asyncio.get_running_loop()
        connection, _ = await asyncio.wait_for(loop.sock_accept(listener), 20)
        with connection:
            assert await loop.sock_recv(connection, 10) == b"mine"
    assert await program.ended() == 0

    assert "kept out" in program.lines
    with socket.create_server(("127.0.0.1", 0)):
        pass


REPOSITORY = Path(__file__).parents[6]
SECRETS = ("/etc/shadow", "/etc/ssh", "/root", "/proc/1/environ", "/proc/1/root", "/sys")


@pytest.mark.parametrize("secret", [*SECRETS, str(REPOSITORY), __file__])
async def test_the_host_cannot_be_read(start: Start, secret: str) -> None:
    """Accounts, homes, other processes' memory and this repository are not there or closed."""
    if secret.startswith("/proc/1") and os.geteuid():
        pytest.skip("without privilege, process 1 is of the program's own user and shows no more")
    program = await start(f"cat {secret} || ls {secret}/")

    assert await program.ended() != 0, program.lines


async def test_the_network_cannot_be_reached(start: Start, tree: Path) -> None:
    """Neither the world, nor the machine's own listeners, nor names answer."""
    with socket.create_server(("0.0.0.0", 0)) as server:  # noqa: S104 - reached from nowhere
        port = server.getsockname()[1]
        code = (
            "import socket\n"
            f"for where in (('1.1.1.1', 53), ('127.0.0.1', {port}), ('::1', {port}),\n"
            "              ('10.0.0.1', 22), ('169.254.169.254', 80), ('example.com', 80)):\n"
            "    try: socket.create_connection(where, 3); print('reached', where)\n"
            "    except OSError as e: print(where[0], type(e).__name__)\n"
        )
        program = await start(_script(tree, code))
        assert await program.ended() == 0

    assert len(program.lines) == 6
    assert not [line for line in program.lines if "reached" in line]


async def test_other_processes_are_neither_seen_nor_signalled(start: Start, tree: Path) -> None:
    """A program sees its own processes only; numbers of the host mean nothing inside."""
    other = await start("exec sleep 4242")
    code = (
        "import os\n"
        "seen = [p for p in os.listdir('/proc') if p.isdigit()]\n"
        "print('seen', len(seen))\n"
        f"for pid in ({os.getpid()}, {other.sandbox._held.first}):\n"
        "    try: os.kill(pid, 9); print('killed', pid)\n"
        "    except OSError as e: print('not', pid, e.errno)\n"
    )
    program = await start(_script(tree, code))
    await program.ended()

    assert int((await program.said("seen")).split()[1]) <= 5
    assert len([line for line in program.lines if line.startswith("not")]) == 2, program.lines
    assert other.sandbox.running


ESCAPES = {
    "a user namespace": "unshare --user true",
    "a network namespace": "unshare --net true",
    "a mount": "mount -t tmpfs none /tmp",
    "writing /usr": "touch /usr/evil",
    "writing /etc": "touch /etc/evil",
    "writing /": "touch /evil",
    "changing /etc/hosts": "echo 1.2.3.4 postgres > /etc/hosts",
    "changing its start": "echo > /.acidtest/start",
    "changing the host name": "hostname evil",
    "becoming root": "su -c true root </dev/null",
    "a device": "mknod /tmp/disk b 8 0",
    "changing root": "chroot / true",
    "a kernel setting": "echo 1 > /proc/sys/kernel/sysrq",
    "tracing": f"{PYTHON} -c 'import ctypes,sys; sys.exit(ctypes.CDLL(None).ptrace(0,0,0,0)!=0)'",
    "a packet socket": f"{PYTHON} -c 'import socket; socket.socket(17, 3)'",
    "a socket to the hypervisor": f"{PYTHON} -c 'import socket; socket.socket(40, 1)'",
    "a kernel keyring": (
        f"{PYTHON} -c 'import ctypes,sys; sys.exit(ctypes.CDLL(None).syscall(250,0,-3,1)<0)'"
    ),
}


@pytest.mark.parametrize("attempt", ESCAPES)
async def test_an_escape_is_refused(start: Start, attempt: str) -> None:
    """Each way out that a program may try is closed."""
    program = await start(ESCAPES[attempt])

    assert await program.ended() != 0, program.lines


async def test_the_program_has_no_rights(start: Start) -> None:
    """No capabilities, no way to get some, a user of its own, a lock on system calls."""
    program = await start("cat /proc/self/status; id -u")
    await program.ended()
    status = dict(line.split(":\t", 1) for line in program.lines if ":\t" in line)

    assert {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {0}
    if os.geteuid() == 0:
        assert int(status["CapBnd"], 16) == 0
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"
    assert int(program.lines[-1]) != 0


async def test_a_hostile_environment_does_not_run_with_our_rights(start: Start) -> None:
    """LD_PRELOAD and its like take effect only after all rights were dropped."""
    program = await start("id -u; cat /proc/self/maps", env={"LD_PRELOAD": "/usr/lib/evil.so"})
    await program.ended()

    complaints = [line for line in program.lines if "evil.so" in line]
    # The loader complains once in each program it starts: the shell, `id` and `cat`, not more.
    assert 1 <= len(complaints) <= 3, program.lines


@pytest.mark.parametrize("how", ["kill", "end"])
async def test_survivors_die_with_the_sandbox(start: Start, tree: Path, how: str) -> None:
    """A daemon that forked twice into a session of its own ends with the program or a kill."""
    mark = f"survivor-{os.getpid()}-{how}"
    code = (
        "import os, sys, time, signal\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0:\n"
        "        for s in (1, 2, 15): signal.signal(s, signal.SIG_IGN)\n"
        "        os.close(0)\n"
        f"        os.execv('/bin/sh', ['sh', '-c', 'sleep 600; :', '{mark}'])\n"
        "    os._exit(0)\n"
        "time.sleep(0.3)\n"
        "print('ready', flush=True)\n"
        "if sys.argv[1] == 'kill': time.sleep(60)\n"
    )
    program = await start(f"{_script(tree, code)} {how}")
    await program.said("ready")
    if how == "kill":
        assert _marked(mark)
        await program.sandbox.kill()
    else:
        await program.ended()

    deadline = time.monotonic() + 5
    while _marked(mark):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def test_a_hostile_link_in_a_writable_mount_is_not_followed(
    start: Start, tmp_path: Path
) -> None:
    """Giving a directory back does not touch what links in it point to."""
    given, precious = tmp_path / "given", tmp_path / "precious"
    given.mkdir()
    precious.write_text("x")
    before = precious.stat()
    program = await start(
        f"ln -s {precious} /given/link; ln -s / /given/root; true",
        mounts=(Mount(source=given, target="/given", writable=True),),
    )
    await program.ended()
    await program.sandbox.close()

    assert (given / "link").is_symlink()
    assert precious.stat().st_uid == before.st_uid
    assert precious.stat().st_ctime == before.st_ctime
