"""A prepared sandbox in the grader's hand: releasing, signalling, measuring and ending it."""

import asyncio
import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP, Signals, pidfd_send_signal
from typing import Any, NamedTuple

from acidtest.core.errors import InfrastructureError
from acidtest.grader.lab.leftovers import descendants, remove_tree
from acidtest.grader.lab.process import Child

from ._cgroups import Group
from ._model import SandboxSpec, Usage
from ._sockets import SocketMaker
from ._tree import give_tree
from ._watch import TreeWatch, watch_disk
from ._world import Box

_START_SECONDS = 10.0
_END_SECONDS = 10.0
_POLL_SECONDS = 0.001


class Held(NamedTuple):
    """What a driver hands over."""

    child: Child
    """bwrap, outside; it ends when the sandbox does."""
    first: int
    """Process 1 of the sandbox, as the host numbers it; with it everything inside ends."""
    block: int
    """Writing here releases the program."""
    group: Group | None
    sockets: SocketMaker
    box: Box


class HeldSandbox:
    """A program in its own process, network and mount namespaces."""

    def __init__(self, spec: SandboxSpec, held: Held, *, owner: int | None) -> None:
        """Hold the sandbox.

        Args:
            spec: what was asked for.
            held: what the driver built.
            owner: whose the writable mounts become again at the end; None when they never changed.
        """
        self._spec = spec
        self._held = held
        self._owner = owner
        self._block: int | None = held.block
        self._first_fd: int | None = os.pidfd_open(held.first)
        self._main_fd: int | None = None
        self._last = Usage()
        self._closed = False
        self._watch = TreeWatch([held.first], spec.limits, self._overstepped, ours=1)
        self._watching: list[asyncio.Task[None]] = []
        self._oom = False

    @property
    def name(self) -> str:
        """The name its spec gave it."""
        return self._spec.name

    @property
    def running(self) -> bool:
        """Whether the program was released and has not ended."""
        return self._block is None and self._held.child.returncode is None

    @property
    def exit_code(self) -> int | None:
        """The program's exit status, once it ended."""
        return None if self._block is not None else self._held.child.returncode

    async def listener(self, port: int) -> socket.socket:
        """Return a listening socket at 127.0.0.1:`port` inside."""
        try:
            return self._held.sockets.make(port)
        except OSError as error:
            raise InfrastructureError(f"Cannot listen at port {port} inside: {error}") from error

    async def reserve_port(self, wanted: int) -> int:
        """Return `wanted`: all ports inside are free."""
        return wanted

    def socket(self, addr_info: Any = None) -> socket.socket:
        """Return an unconnected socket that lives inside."""
        del addr_info  # aiohttp tells what it will connect to; there is only one kind here
        return self._held.sockets.make()

    async def release(self, *, env: Mapping[str, str] | None = None) -> None:
        """Start the program.

        Raises:
            InfrastructureError: it was released before.
        """
        if self._block is None or self._closed:
            raise InfrastructureError(f"The sandbox {self.name} was released or closed before.")
        self._write_start({**self._spec.env, **(env or {})})
        block, self._block = self._block, None
        os.write(block, b"\n")
        os.close(block)
        self._start_watching()
        await self._find_main()

    def _write_start(self, env: Mapping[str, str]) -> None:
        self._held.box.write_start(self._spec, env=env)

    def _start_watching(self) -> None:
        if self._held.group is None:
            self._watching.append(asyncio.create_task(self._watch.run()))
        trees = [mount.source for mount in self._spec.mounts if mount.writable]
        if trees:
            limit = self._spec.limits.disk_bytes
            watch = watch_disk(trees, limit, self._overstepped)
            self._watching.append(asyncio.create_task(watch))

    async def _find_main(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self._held.child.returncode is None:
            if (main := _first_child(self._held.first)) is not None:
                with suppress(ProcessLookupError):
                    self._main_fd = os.pidfd_open(main)
                return
            await asyncio.sleep(_POLL_SECONDS)

    async def signal(self, sig: Signals) -> None:
        """Send `sig` to the program's main process; nothing happens when it has ended."""
        if self._main_fd is not None:
            _send(self._main_fd, sig)

    async def kill(self) -> None:
        """End everything inside at once."""
        if self._first_fd is not None:
            if self._held.group is not None:
                self._last = self._measured()
            _send(self._first_fd, SIGKILL)
        if self._held.group is not None:
            with suppress(OSError):
                self._held.group.kill()
        await self._held.child.wait(_END_SECONDS)
        await self._held.child.kill()

    async def freeze(self) -> None:
        """Stop everything inside."""
        if self._held.group is None or not self._frozen(self._held.group):
            self._signal_all(SIGSTOP)

    async def thaw(self) -> None:
        """Let everything inside go on."""
        if self._held.group is not None:
            with suppress(OSError):
                self._held.group.thaw()
        self._signal_all(SIGCONT)

    def _frozen(self, group: Group) -> bool:
        try:
            group.freeze()
        except (OSError, KeyError):
            return False
        return True

    def _signal_all(self, sig: Signals) -> None:
        """Send `sig` to all but process 1, for which the kernel ignores SIGSTOP anyway."""
        for pid in descendants([self._held.first]):
            with suppress(ProcessLookupError):
                os.kill(pid, sig)

    async def wait(self, timeout: float) -> int | None:
        """Return the exit status once the program ends, or None."""
        code = await self._held.child.wait(timeout)
        if code is not None:
            await self._held.child.drain()
        return code

    async def usage(self) -> Usage:
        """Return what it takes now; after its end, what it took."""
        if not self._closed:
            self._last = await asyncio.to_thread(self._measured)
        return self._last

    def _measured(self) -> Usage:
        if self._held.group is not None:
            usage = self._held.group.usage()
        elif self._held.child.returncode is None:
            usage = self._watch.usage()
        else:
            usage = self._last
        return usage.model_copy(update={"oom_killed": usage.oom_killed or self._oom})

    def log_tail(self) -> str:
        """Return the end of what the program wrote."""
        return self._held.child.kept.text()

    async def close(self) -> None:
        """Kill what runs and give back everything."""
        if self._closed:
            return
        for task in self._watching:
            task.cancel()
        await self.kill()
        self._last = self._measured()
        self._closed = True
        self._held.sockets.close()
        for fd in (self._block, self._first_fd, self._main_fd):
            if fd is not None:
                os.close(fd)
        self._first_fd = self._main_fd = None
        await asyncio.to_thread(self._give_back)

    def _give_back(self) -> None:
        if self._held.group is not None:
            _remove(self._held.group)
        if self._owner is not None:
            for mount in self._spec.mounts:
                if mount.writable:
                    give_tree(mount.source, self._owner)
        remove_tree(self._held.box.path)

    def _overstepped(self, sentence: str) -> None:
        self._oom = self._oom or "memory" in sentence
        self._held.child.note(f"[ended by the judge: the program {sentence}]")
        if self._first_fd is not None:
            _send(self._first_fd, SIGKILL)


def _first_child(pid: int) -> int | None:
    """Return the eldest child of `pid`: for process 1, the program; adopted orphans come later."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except FileNotFoundError:
        # Some kernels are built without that file.
        children = [str(child) for child in sorted(descendants([pid]))]
    except OSError:
        return None
    return int(children[0]) if children else None


def _send(pidfd: int, sig: Signals) -> None:
    with suppress(ProcessLookupError):
        pidfd_send_signal(pidfd, sig)


def _remove(group: Group) -> None:
    """Remove `group`, waiting a moment for the kernel to let go of its last process."""
    deadline = time.monotonic() + _END_SECONDS
    while True:
        try:
            group.remove()
        except OSError:
            if time.monotonic() > deadline:
                return  # written down in the run directory; the next sweep tries again
            time.sleep(_POLL_SECONDS)
        else:
            return
