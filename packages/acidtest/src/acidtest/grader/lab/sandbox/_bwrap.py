"""The driver that isolates with bubblewrap: own namespaces, own user, a lock on system calls."""

import asyncio
import json
import os
import shutil
import tempfile
import time
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from acidtest.core.errors import AcidTestError, InfrastructureError
from acidtest.grader.lab.leftovers import RunDirectory, record_cgroup, record_pid, remove_tree
from acidtest.grader.lab.process import Child

from . import _seccomp
from ._cgroups import Group, Groups, detect_groups, group_name
from ._held import Held, HeldSandbox
from ._model import Limits, Network, Probe, SandboxSpec
from ._plan import Descriptors, Privilege, command_line
from ._protocol import OnLine, Sandbox
from ._sockets import HelperSockets, HostSockets, NamespaceSockets, SocketMaker
from ._tree import give_tree
from ._world import Box, make_box, throwaway_uid

_SETUP_SECONDS = 15.0
_POLL_SECONDS = 0.001
_TOOLS = ("bwrap", "setpriv", "prlimit", "unshare", "mount", "sh")
_LAUNCH_ENV = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}


class BwrapDriver:
    """Programs in namespaces of their own, as a throwaway user, with bounded resources."""

    name = "bwrap"
    isolated = True

    def __init__(self) -> None:
        self._root = os.geteuid() == 0

    @cached_property
    def _groups(self) -> Groups | None:
        # Found at first use: with cgroup v2 it may move us into a group of our own.
        return detect_groups()

    async def probe(self) -> Probe:
        """Build a small sandbox and run a program in it."""
        missing = [tool for tool in _TOOLS if shutil.which(tool, path=_LAUNCH_ENV["PATH"]) is None]
        if missing:
            return Probe(ok=False, reason=f"missing programs: {', '.join(missing)}")
        lines: list[str] = []
        began = time.monotonic()
        try:
            code = await self._try_out(lines)
        except AcidTestError as error:
            return Probe(ok=False, reason=str(error), facts=self._facts())
        if code != 0:
            reason = f"a trial program ended with {code}: {' '.join(lines)}"
            return Probe(ok=False, reason=reason, facts=self._facts())
        milliseconds = (time.monotonic() - began) * 1000
        layer = "overlay" if "written" in lines else "read-only"
        facts = {**self._facts(), "app": layer, "start": f"{milliseconds:.0f} ms"}
        return Probe(ok=True, reason=self._reason(), facts=facts)

    async def _try_out(self, lines: list[str]) -> int | None:
        with (
            tempfile.TemporaryDirectory(prefix="acidtest-") as state,
            RunDirectory.create(Path(state)) as run,
        ):
            tree = run.path / "tree"
            tree.mkdir(mode=0o755)
            spec = SandboxSpec(
                name="probe",
                command="if echo x > /app/x; then echo written; fi 2>/dev/null; exit 0",
                run_dir=run.path,
                layered=tree,
                limits=Limits(),
            )
            sandbox = await self.prepare(spec, on_line=lambda _, line: lines.append(line))
            try:
                await sandbox.release()
                return await sandbox.wait(_SETUP_SECONDS)
            finally:
                await sandbox.close()

    def _facts(self) -> dict[str, str]:
        return {
            "mode": "root" if self._root else "unprivileged",
            "limits": f"cgroup {self._groups.kind}" if self._groups else "watched, no cgroup",
            "seccomp": "yes" if _seccomp.machine() else "no: unknown processor",
        }

    def _reason(self) -> str:
        if self._groups is None:
            return "works; memory is watched ten times a second, for no cgroup can be had here"
        return "works"

    async def prepare(self, spec: SandboxSpec, *, on_line: OnLine) -> Sandbox:
        """Build the world of `spec` and leave its program waiting.

        Raises:
            InfrastructureError: the machine refused some part of it.
        """
        uid = throwaway_uid() if self._root else os.geteuid()
        box = make_box(spec, uid=uid if self._root else 1000)
        writable = [mount.source for mount in spec.mounts if mount.writable]
        try:
            if self._root:
                for source in writable:
                    await asyncio.to_thread(give_tree, source, uid)
            return await self._launch(
                spec, box, privilege=Privilege(self._root, uid), on_line=on_line
            )
        except BaseException:
            await asyncio.to_thread(remove_tree, box.path)
            raise

    async def _launch(
        self, spec: SandboxSpec, box: Box, *, privilege: Privilege, on_line: OnLine
    ) -> Sandbox:
        info_read, info_write = os.pipe()
        block_read, block_write = os.pipe()
        seccomp = _seccomp_file()
        theirs = [fd for fd in (info_write, block_read, seccomp) if fd is not None]
        descriptors = Descriptors(info_write, block_read, seccomp)
        argv = command_line(spec, box, privilege=privilege, descriptors=descriptors)
        try:
            child = await Child.start(
                argv,
                env=_LAUNCH_ENV,
                on_line=on_line,
                output_bytes=spec.limits.output_bytes,
                pass_fds=theirs,
            )
        except BaseException:
            os.close(block_write)
            os.close(info_read)
            raise
        finally:
            for fd in theirs:
                os.close(fd)
        record_pid(spec.run_dir, child.pid)
        try:
            first = await _first_pid(info_read, child)
            record_pid(spec.run_dir, first)
            await _set_up(first, child)
            return self._hold(spec, box, child, first, block_write)
        except BaseException:
            await child.kill()
            os.close(block_write)
            raise
        finally:
            os.close(info_read)

    def _hold(
        self, spec: SandboxSpec, box: Box, child: Child, first: int, block: int
    ) -> HeldSandbox:
        group = self._group(spec, first)
        try:
            sockets = self._sockets(spec, first)
        except OSError as error:
            raise InfrastructureError(f"Cannot enter the sandbox's network: {error}") from error
        held = Held(child, first, block, group, sockets, box)
        return HeldSandbox(spec, held, owner=os.geteuid() if self._root else None)

    def _group(self, spec: SandboxSpec, first: int) -> Group | None:
        if self._groups is None:
            return None
        paths = self._groups.plan(group_name(spec.name))
        for path in paths:
            record_cgroup(spec.run_dir, path)
        try:
            group = self._groups.make(paths, spec.limits)
            group.add(first)
        except OSError as error:
            raise InfrastructureError(f"Cannot bound the sandbox's resources: {error}") from error
        return group

    def _sockets(self, spec: SandboxSpec, first: int) -> SocketMaker:
        if spec.network is Network.HOST:
            return HostSockets()
        namespace = os.open(f"/proc/{first}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            return NamespaceSockets(namespace) if self._root else HelperSockets(namespace)
        finally:
            os.close(namespace)


def _seccomp_file() -> int | None:
    machine = _seccomp.machine()
    if machine is None:
        return None
    fd = os.memfd_create("acidtest-seccomp")
    os.write(fd, _seccomp.program(machine))
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


async def _first_pid(info: int, child: Child) -> int:
    """Return the host's number of the sandbox's process 1, which bwrap writes to `info`."""
    os.set_blocking(info, False)
    text = b""
    deadline = time.monotonic() + _SETUP_SECONDS
    while time.monotonic() < deadline:
        with suppress(BlockingIOError):
            text += os.read(info, 4096)
        if text.rstrip().endswith(b"}"):
            return int(json.loads(text)["child-pid"])
        if child.returncode is not None:
            break
        await asyncio.sleep(_POLL_SECONDS)
    raise await _refusal(child)


async def _set_up(first: int, child: Child) -> None:
    """Return once bwrap has done the last thing it was asked for: making `/` read-only."""
    deadline = time.monotonic() + _SETUP_SECONDS
    while time.monotonic() < deadline and child.returncode is None:
        if _root_is_closed(first):
            return
        await asyncio.sleep(_POLL_SECONDS)
    raise await _refusal(child)


def _root_is_closed(pid: int) -> bool:
    try:
        mounts = Path(f"/proc/{pid}/mountinfo").read_text().splitlines()
    except OSError:
        return False
    roots = [fields for line in mounts if (fields := line.split())[4] == "/"]
    return bool(roots) and "ro" in roots[-1][5].split(",")


async def _refusal(child: Child) -> InfrastructureError:
    await child.kill()
    log = child.kept.text().strip() or "it said nothing"
    return InfrastructureError(f"The sandbox could not be built: {log}")
