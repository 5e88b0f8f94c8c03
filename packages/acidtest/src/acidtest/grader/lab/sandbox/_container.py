"""The drivers that run an image: Docker and Podman behind the same promises.

The container has no network but its own loopback. Its first process waits at a named pipe until the
grader's listeners exist inside; only then does it become the program.
"""

import asyncio
import json
import os
import resource
import shlex
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from signal import SIGKILL, Signals

from acidtest.core.errors import InfrastructureError
from acidtest.grader.lab.leftovers import record_container, record_pid, remove_tree
from acidtest.grader.lab.process import Child, Completed

from ._cgroups import group_name
from ._engine import COMMAND_SECONDS, Engine
from ._held import Held, HeldSandbox
from ._image import image_facts
from ._model import Network, Probe, SandboxSpec, Usage
from ._pen import upper_layer
from ._protocol import OnLine, Sandbox
from ._shell import checked_env, replacing_shell
from ._sockets import HostSockets, NamespaceSockets, SocketMaker
from ._watch import watch_disk
from ._world import Box, hostname, make_box

_POLL_SECONDS = 0.02
_KILLED = 128 + SIGKILL
_USER_PROCESSES = 32_768
"""By user and not by container, so it must not bite: an image's user may have the number of
somebody on this machine, whose own processes count. What Podman asks for itself may be refused."""
_INSIDE = "/.acidtest"
_PID_FILE = "pid"
_WRITTEN = ("/tmp", "/var/tmp", "/run")  # noqa: S108 - inside
"""Folders that are there to be written, also where nothing else may be; held in memory."""
_GIVING_UP_ROOT = (
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "KILL",
    "NET_BIND_SERVICE",
    "SETGID",
    "SETUID",
)
"""What an image's root needs to prepare its files, become somebody else and open port 80."""


class ContainerDriver:
    """Images run by a container engine called through its command line."""

    isolated = True

    def __init__(self, name: str, *, options: tuple[str, ...] = ()) -> None:
        """Drive the engine `name`, giving it `options` before every command."""
        self.name = name
        self.engine = Engine(name, options=options)
        self._users: dict[str, str] = {}
        """The user each image runs as."""

    async def probe(self) -> Probe:
        """Ask the engine whether it answers; a trial run would need an image."""
        if shutil.which(self.name) is None:
            return Probe(ok=False, reason=f"there is no program called {self.name}")
        if os.geteuid() != 0:
            # Docker's containers belong to root's namespaces; rootless Podman was never tried.
            return Probe(ok=False, reason="only root can make sockets inside a container")
        answer = await self.command("info", "--format", "json")
        if answer.returncode:
            return Probe(ok=False, reason=(answer.output.splitlines() or ["it said nothing"])[-1])
        return Probe(ok=True, reason="answers; it runs images only", facts={"engine": self.name})

    async def command(self, *arguments: str) -> Completed:
        """Run one command of the engine to its end."""
        return await self.engine.command(*arguments)

    async def prepare(self, spec: SandboxSpec, *, on_line: OnLine) -> Sandbox:
        """Start a container whose program waits to be released.

        Raises:
            InfrastructureError: no image was given, or the engine refused.
        """
        if spec.image is None:
            raise InfrastructureError(f"The driver {self.name} runs images, and none was given.")
        if spec.image not in self._users:
            self._users[spec.image] = (await image_facts(self.engine, spec.image)).user
        box = make_box(spec, uid=0)
        pipe = box.start / "go"
        os.mkfifo(pipe)
        pipe.chmod(0o644)
        _write_script(box, spec)
        try:
            return await self._launch(spec, box, on_line)
        except BaseException:
            await asyncio.to_thread(remove_tree, box.path)
            raise

    async def _launch(self, spec: SandboxSpec, box: Box, on_line: OnLine) -> Sandbox:
        container = group_name(spec.name)
        record_container(spec.run_dir, self.name, container)
        child = await Child.start(
            self.engine.argv("run", "--name", container, *self._run_arguments(spec, box)),
            env=self.engine.env(),
            on_line=on_line,
            output_bytes=spec.limits.output_bytes,
        )
        record_pid(spec.run_dir, child.pid)
        try:
            first = await self._first_pid(container, child, box)
            record_pid(spec.run_dir, first)
            # Open for reading too: the pipe then keeps the word until the container reads it.
            pipe = os.open(box.start / "go", os.O_RDWR | os.O_CLOEXEC)
            self._check_layer(spec, first)
            held = Held(child, first, os.dup(pipe), None, self._sockets(spec, first), box)
        except BaseException:
            await self.command("rm", "--force", container)
            await child.kill()
            raise
        return ContainerSandbox(spec, held, engine=self, container=container, pipe=pipe)

    async def _first_pid(self, container: str, child: Child, box: Box) -> int:
        async with asyncio.timeout(COMMAND_SECONDS):
            while child.returncode is None:
                text = await self._said_pid(container, box)
                if text.isdigit() and int(text):
                    return int(text)
                await asyncio.sleep(_POLL_SECONDS)
        await child.drain()
        raise InfrastructureError(f"{self.name} did not start it: {child.kept.text()}")

    async def _said_pid(self, container: str, box: Box) -> str:
        if self.name == "podman":
            return _text(box.path / _PID_FILE)
        state = await self.command("inspect", "--format", "{{.State.Pid}}", container)
        return state.output.strip() if state.returncode == 0 else ""

    def _check_layer(self, spec: SandboxSpec, first: int) -> None:
        if not spec.read_only and upper_layer(first) is None:
            raise InfrastructureError(
                f"{self.name} keeps containers in a way whose size cannot be watched;"
                " its storage driver should be overlay."
            )

    def _run_arguments(self, spec: SandboxSpec, box: Box) -> list[str]:
        image = str(spec.image)
        root = self._users[image].partition(":")[0] in {"", "0", "root"}
        return [
            *_limiting(spec),
            *_placing(spec, box),
            # Docker has no such option and is asked; asking Podman would cost a process each time.
            *(("--pidfile", str(box.path / _PID_FILE)) if self.name == "podman" else ()),
            *(f"--cap-add={name}" for name in (_GIVING_UP_ROOT if root else ())),
            *("--entrypoint", "/bin/sh", image, f"{_INSIDE}/start"),
        ]

    def _sockets(self, spec: SandboxSpec, first: int) -> SocketMaker:
        if spec.network is Network.HOST:
            return HostSockets()
        namespace = os.open(f"/proc/{first}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            return NamespaceSockets(namespace)
        finally:
            os.close(namespace)


class ContainerSandbox(HeldSandbox):
    """A program in a container; its own first process, as images expect."""

    def __init__(
        self, spec: SandboxSpec, held: Held, *, engine: ContainerDriver, container: str, pipe: int
    ) -> None:
        super().__init__(spec, held, owner=None)
        self._engine = engine
        self._container = container
        self._pipe: int | None = pipe
        self._ended = False
        """Whether we ended it ourselves."""
        self._paused = False
        self._layer = None if spec.read_only else upper_layer(held.first)
        """Where it writes on the host's disk, which only we bound."""

    def _write_start(self, env: Mapping[str, str]) -> None:
        # Over the image's own environment, which its programs count on.
        checked = checked_env(env)
        lines = [f"export {name}={shlex.quote(checked[name])}\n" for name in env]
        file = self._held.box.start / "env"
        file.write_text("".join(lines))
        file.chmod(0o644)

    async def _find_main(self) -> None:
        # Held since it waited at the pipe: a short program may have ended by now.
        self._main_fd = None if self._first_fd is None else os.dup(self._first_fd)

    def _start_watching(self) -> None:
        super()._start_watching()
        if self._layer is not None:
            watch = watch_disk([self._layer], self._spec.limits.disk_bytes, self._overstepped)
            self._watching.append(asyncio.create_task(watch))

    async def signal(self, sig: Signals) -> None:
        """Send `sig` to the container's first process."""
        # Not through the engine: its word takes a tenth of a second to arrive.
        if self.running:
            self._ended = self._ended or sig is SIGKILL
            await super().signal(sig)

    async def freeze(self) -> None:
        """Pause the container."""
        self._paused = True
        await self._engine.command("pause", self._container)

    async def thaw(self) -> None:
        """Continue it."""
        await self._engine.command("unpause", self._container)
        self._paused = False

    async def kill(self) -> None:
        """End everything inside at once."""
        if self.running:
            self._ended = True
            if self._paused:
                await self.thaw()
        await super().kill()

    async def usage(self) -> Usage:
        """Return what it takes; after its end, what it took and whether memory ended it."""
        usage = await super().usage()
        if not self._closed and self._held.child.returncode is not None:
            state = await self._engine.command("inspect", self._container)
            with suppress(ValueError, LookupError, TypeError):
                self._oom = self._oom or bool(json.loads(state.output)[0]["State"]["OOMKilled"])
            # Podman with cgroup v1 does not always notice. But nothing inside can send SIGKILL to
            # process 1, so when we did not, the kernel did.
            self._oom = self._oom or (self._held.child.returncode == _KILLED and not self._ended)
        return usage.model_copy(update={"oom_killed": usage.oom_killed or self._oom})

    async def close(self) -> None:
        """Remove the container and all that was made for it."""
        if self._closed:
            return
        await super().close()
        if self._pipe is not None:
            os.close(self._pipe)
            self._pipe = None
        await self._engine.command("rm", "--force", self._container)


def docker() -> ContainerDriver:
    """Return the driver of Docker."""
    return ContainerDriver("docker")


def podman() -> ContainerDriver:
    """Return the driver of Podman, told to need neither systemd nor its journal."""
    options = ["--cgroup-manager=cgroupfs", "--events-backend=file"]
    # crun, the default runtime, gives up where both versions of control groups are mounted.
    hybrid = Path("/sys/fs/cgroup/memory").is_dir()
    if hybrid and (runc := shutil.which("runc")) is not None:
        options.append(f"--runtime={runc}")
    return ContainerDriver("podman", options=tuple(options))


def _limiting(spec: SandboxSpec) -> list[str]:
    limits = spec.limits
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    files = limits.open_files if hard == resource.RLIM_INFINITY else min(limits.open_files, hard)
    hard = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    users = _USER_PROCESSES if hard == resource.RLIM_INFINITY else min(_USER_PROCESSES, hard)
    return [
        *("--memory", str(limits.memory_bytes), "--memory-swap", str(limits.memory_bytes)),
        *("--pids-limit", str(limits.processes), "--cpus", str(limits.cpus)),
        *("--ulimit", f"nproc={users}:{users}"),
        *("--ulimit", f"nofile={files}:{files}", "--ulimit", "core=0:0"),
        *("--ulimit", f"fsize={limits.file_bytes}:{limits.file_bytes}"),
        *("--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
    ]


def _placing(spec: SandboxSpec, box: Box) -> list[str]:
    mounts = [f"{box.start}:{_INSIDE}:ro"]
    mounts += [f"{m.source}:{m.target}:{'rw' if m.writable else 'ro'}" for m in spec.mounts]
    private = spec.network is Network.PRIVATE
    folders = _WRITTEN if spec.read_only else _WRITTEN[:1]
    return [
        *("--pull", "never", "--no-healthcheck", "--sig-proxy=false"),
        *("--network", "none" if private else "host", "--hostname", hostname(spec)),
        *(f"--add-host={name}:127.0.0.1" for name in spec.hosts if private),
        *(("--read-only",) if spec.read_only else ()),
        *(word for path in folders for word in ("--tmpfs", _bounded(path, spec))),
        *(word for mount in mounts for word in ("--volume", mount)),
    ]


def _bounded(path: str, spec: SandboxSpec) -> str:
    return f"{path}:rw,exec,mode=1777,size={spec.limits.disk_bytes}"


def _write_script(box: Box, spec: SandboxSpec) -> None:
    # An image has its own working directory; ours is used where it was asked for.
    asked = "cwd" in spec.model_fields_set
    script = box.start / "start"
    script.write_text(
        f"read -r word < {_INSIDE}/go\n"
        f". {_INSIDE}/env\n"
        f"{f'cd -- {shlex.quote(spec.cwd)} || exit 126' if asked else ''}\n"
        f"exec /bin/sh -c {shlex.quote(replacing_shell(spec.command))}\n"
    )
    script.chmod(0o644)


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
