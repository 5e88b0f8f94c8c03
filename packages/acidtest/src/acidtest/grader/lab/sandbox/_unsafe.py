"""The driver that isolates nothing: for code one wrote oneself, where a machine permits no sandbox.

It keeps the promises that need no privilege (an own process group, resource limits, a bounded log,
an environment of its own, nothing left running) and says at every turn that it keeps no others.
"""

import asyncio
import os
import random
import re
import socket
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP, Signals
from typing import Any

from acidtest.core.errors import InfrastructureError
from acidtest.grader.lab.leftovers import (
    RUN_VARIABLE,
    descendants,
    marked_processes,
    record_pid,
    remove_tree,
)
from acidtest.grader.lab.process import Child

from ._model import Mount, Probe, SandboxSpec, Usage
from ._plan import resource_limits
from ._protocol import OnLine, Sandbox
from ._shell import DEFAULT_ENV, checked_env, replacing_shell
from ._sockets import HostSockets
from ._watch import TreeWatch
from ._world import make_box

_END_SECONDS = 10.0
_POLL_SECONDS = 0.005
_PORTS = range(20_000, 32_000)
"""Below those that Linux gives to outgoing connections, so that only who listens can take one."""
_PORT_TRIES = 200

NOTICE = (
    "NOT ISOLATED: the program runs as you, on this machine's network, and can read and change all"
    " that you can. Use it for code you trust only."
)


class UnsafeDriver:
    """Programs as ordinary processes of this machine."""

    name = "local-unsafe"
    isolated = False

    def __init__(self) -> None:
        self._given: set[int] = set()

    async def probe(self) -> Probe:
        """Say that it works everywhere, and what that is worth."""
        return Probe(ok=True, reason=NOTICE, facts={"limits": "rlimits, memory watched"})

    async def prepare(self, spec: SandboxSpec, *, on_line: OnLine) -> Sandbox:
        """Copy the tree that the program may write to; start nothing."""
        box = make_box(spec, uid=os.geteuid())
        app = box.path / "app"
        (box.path / "home").mkdir()
        if spec.layered is None:
            app.mkdir()
        else:
            await _copy(spec.layered, app)
        return UnsafeSandbox(spec, box.path, on_line, given=self._given)


class UnsafeSandbox:
    """One ordinary process with all its descendants.

    Args:
        spec: what to run.
        box: its private folder.
        on_line: takes what it writes.
        given: the ports that were reserved so far; two programs that start at the same time must
            not be told the same one.
    """

    def __init__(self, spec: SandboxSpec, box: Path, on_line: OnLine, *, given: set[int]) -> None:
        self._given = given
        self._spec = spec
        self._box = box
        self._on_line = on_line
        self._sockets = HostSockets()
        self._child: Child | None = None
        self._watch: TreeWatch | None = None
        self._watching: asyncio.Task[None] | None = None
        self._mark = f"{spec.run_dir.name}-{box.name}"
        self._last = Usage()
        self._closed = False

    @property
    def name(self) -> str:
        """The name its spec gave it."""
        return self._spec.name

    @property
    def running(self) -> bool:
        """Whether the program was released and has not ended."""
        return self._child is not None and self._child.returncode is None

    @property
    def exit_code(self) -> int | None:
        """The program's exit status, once it ended."""
        return None if self._child is None else self._child.returncode

    async def listener(self, port: int) -> socket.socket:
        """Return a listening socket at `port` of this machine, or at a free one instead."""
        return self._sockets.make(port)

    async def reserve_port(self, wanted: int) -> int:
        """Return a port that is free and promised to nobody else, `wanted` if it is such a one.

        Raises:
            InfrastructureError: there is none.
        """
        drawn = random.Random().sample(_PORTS, _PORT_TRIES)  # noqa: S311 - no secret
        for port in (wanted, *drawn):
            if port in self._given:
                continue
            with self._sockets.make(port) as sock:
                # The maker takes another port where this one is taken.
                if int(sock.getsockname()[1]) != port:
                    continue
            self._given.add(port)
            return port
        raise InfrastructureError("This machine has no free port for the program to listen on.")

    def socket(self, addr_info: Any = None) -> socket.socket:
        """Return an unconnected socket."""
        del addr_info  # aiohttp tells what it will connect to; there is only one kind here
        return self._sockets.make()

    async def release(self, *, env: Mapping[str, str] | None = None) -> None:
        """Start the program.

        Raises:
            InfrastructureError: it was released or closed before, or cannot be started.
        """
        if self._child is not None or self._closed:
            raise InfrastructureError(f"The sandbox {self.name} was released or closed before.")
        places = Places(self._spec.mounts, self._box)
        home = str(self._box / "home")
        here = {"PATH": os.environ.get("PATH", DEFAULT_ENV["PATH"]), "HOME": home, "TMPDIR": home}
        given = checked_env({**here, **self._spec.env, **(env or {})})
        # One mark for the sweeper, which knows the run; one to tell the run's sandboxes apart.
        marks = {RUN_VARIABLE: self._spec.run_dir.name, "ACIDTEST_SANDBOX": self._mark}
        self._child = await Child.start(
            [
                *("setpriv", "--pdeathsig", "KILL", "--"),
                *resource_limits(self._spec.limits, own_user=False),
                *("/bin/sh", "-c", places.translate(replacing_shell(self._spec.command))),
            ],
            env={**{name: places.translate(value) for name, value in given.items()}, **marks},
            cwd=Path(places.translate(self._spec.cwd)),
            on_line=self._on_line,
            output_bytes=self._spec.limits.output_bytes,
        )
        record_pid(self._spec.run_dir, self._child.pid)
        self._watch = TreeWatch([self._child.pid], self._spec.limits, self._overstepped)
        self._watching = asyncio.create_task(self._watch.run())

    async def signal(self, sig: Signals) -> None:
        """Send `sig` to the program's main process."""
        if self._child is not None and self._child.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self._child.pid, sig)

    async def kill(self) -> None:
        """End the program and all it started, wherever that hid."""
        if self._child is None:
            return
        deadline = time.monotonic() + _END_SECONDS
        while (alive := await asyncio.to_thread(self._members)) and time.monotonic() < deadline:
            for pid in alive:
                _send(pid, SIGKILL)
            await asyncio.sleep(_POLL_SECONDS)
        await self._child.kill()

    def _members(self) -> set[int]:
        found = marked_processes(self._mark, variable="ACIDTEST_SANDBOX")
        if self._child is not None and self._child.returncode is None:
            found |= {self._child.pid, *descendants([self._child.pid])}
        return found

    async def freeze(self) -> None:
        """Stop the program and all it started."""
        for pid in await asyncio.to_thread(self._members):
            _send(pid, SIGSTOP)

    async def thaw(self) -> None:
        """Let them go on."""
        for pid in await asyncio.to_thread(self._members):
            _send(pid, SIGCONT)

    async def wait(self, timeout: float) -> int | None:
        """Return the exit status once the program ends, or None."""
        return None if self._child is None else await self._child.wait(timeout)

    async def usage(self) -> Usage:
        """Return what it takes now; after its end, what it took."""
        if self._watch is not None and self.running:
            self._last = await asyncio.to_thread(self._watch.usage)
        return self._last

    def log_tail(self) -> str:
        """Return the end of what the program wrote."""
        return "" if self._child is None else self._child.kept.text()

    async def close(self) -> None:
        """Kill what runs and remove the copy it worked on."""
        if self._closed:
            return
        if self._watching is not None:
            self._watching.cancel()
        await self.kill()
        self._closed = True
        await asyncio.to_thread(remove_tree, self._box)

    def _overstepped(self, sentence: str) -> None:
        if self._watch is not None:
            self._last = self._watch.seen
        for pid in self._members():
            _send(pid, SIGKILL)
        if self._child is not None:
            self._child.note(f"[ended by the judge: the program {sentence}]")


class Places:
    """Where the paths of a sandbox lie on this machine when nothing is mounted, only remembered."""

    def __init__(self, mounts: Iterable[Mount], box: Path) -> None:
        own = {"/app": box / "app", "/home/app": box / "home"}
        self._places = {**own, **{mount.target: mount.source for mount in mounts}}
        longest_first = sorted(map(re.escape, self._places), key=len, reverse=True)
        # A whole path from its first slash on, wherever in a text it begins.
        self._pattern = re.compile(rf"(?<![\w./-])({'|'.join(longest_first)})(?![\w.-])")

    def translate(self, text: str) -> str:
        """Return `text` with every path of the sandbox replaced by its place here."""
        return self._pattern.sub(lambda found: str(self._places[found[1]]), text)


async def _copy(tree: Path, target: Path) -> None:
    process = await asyncio.create_subprocess_exec("cp", "-a", "--", str(tree), str(target))
    if await process.wait():
        raise InfrastructureError(f"Cannot copy {tree} to {target}.")


def _send(pid: int, sig: Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, sig)
