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
from acidtest.grader.lab.process import Child, Completed, run_bounded

from ._cgroups import group_name
from ._held import Held, HeldSandbox
from ._model import Network, Probe, SandboxSpec, Usage
from ._protocol import OnLine, Sandbox
from ._shell import checked_env, replacing_shell
from ._sockets import HostSockets, NamespaceSockets, SocketMaker
from ._world import Box, hostname, make_box

_COMMAND_SECONDS = 60.0
_POLL_SECONDS = 0.02
_KILLED = 128 + SIGKILL
_INSIDE = "/.acidtest"
_PASSED_ON = (
    *("PATH", "HOME", "XDG_RUNTIME_DIR", "DOCKER_HOST", "DOCKER_CONFIG", "DOCKER_CONTEXT"),
    *("CONTAINER_HOST", "CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF"),
)


class ContainerDriver:
    """Images run by a container engine called through its command line."""

    isolated = True

    def __init__(self, name: str, *, options: tuple[str, ...] = ()) -> None:
        """Drive the engine `name`, giving it `options` before every command."""
        self.name = name
        self._options = options

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
        return await run_bounded(
            [self.name, *self._options, *arguments], env=_engine_env(), deadline=_COMMAND_SECONDS
        )

    async def prepare(self, spec: SandboxSpec, *, on_line: OnLine) -> Sandbox:
        """Start a container whose program waits to be released.

        Raises:
            InfrastructureError: no image was given, or the engine refused.
        """
        if spec.image is None:
            raise InfrastructureError(f"The driver {self.name} runs images, and none was given.")
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
            [self.name, *self._options, *_run_arguments(spec, box, container)],
            env=_engine_env(),
            on_line=on_line,
            output_bytes=spec.limits.output_bytes,
        )
        record_pid(spec.run_dir, child.pid)
        try:
            first = await self._first_pid(container, child)
            record_pid(spec.run_dir, first)
            # Open for reading too: the pipe then keeps the word until the container reads it.
            pipe = os.open(box.start / "go", os.O_RDWR | os.O_CLOEXEC)
            held = Held(child, first, os.dup(pipe), None, self._sockets(spec, first), box)
        except BaseException:
            await self.command("rm", "--force", container)
            await child.kill()
            raise
        return ContainerSandbox(spec, held, engine=self, container=container, pipe=pipe)

    async def _first_pid(self, container: str, child: Child) -> int:
        async with asyncio.timeout(_COMMAND_SECONDS):
            while child.returncode is None:
                state = await self.command("inspect", "--format", "{{.State.Pid}}", container)
                text = state.output.strip()
                if state.returncode == 0 and text.isdigit() and int(text):
                    return int(text)
                await asyncio.sleep(_POLL_SECONDS)
        await child.drain()
        raise InfrastructureError(f"{self.name} did not start it: {child.kept.text()}")

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

    def _write_start(self, env: Mapping[str, str]) -> None:
        # Over the image's own environment, which its programs count on.
        checked = checked_env(env)
        lines = [f"export {name}={shlex.quote(checked[name])}\n" for name in env]
        file = self._held.box.start / "env"
        file.write_text("".join(lines))
        file.chmod(0o644)

    async def _find_main(self) -> None:
        self._main_fd = os.pidfd_open(self._held.first)

    async def signal(self, sig: Signals) -> None:
        """Send `sig` to the container's first process, through the engine."""
        if self.running:
            self._ended = self._ended or sig is SIGKILL
            await self._engine.command("kill", "--signal", sig.name, self._container)

    async def freeze(self) -> None:
        """Pause the container."""
        await self._engine.command("pause", self._container)

    async def thaw(self) -> None:
        """Continue it."""
        await self._engine.command("unpause", self._container)

    async def kill(self) -> None:
        """End everything inside at once."""
        if self.running:
            self._ended = True
            await self._engine.command("unpause", self._container)
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


def _run_arguments(spec: SandboxSpec, box: Box, container: str) -> list[str]:
    limits = spec.limits
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    files = limits.open_files if hard == resource.RLIM_INFINITY else min(limits.open_files, hard)
    mounts = [f"{box.start}:{_INSIDE}:ro"]
    mounts += [f"{m.source}:{m.target}:{'rw' if m.writable else 'ro'}" for m in spec.mounts]
    network = "none" if spec.network is Network.PRIVATE else "host"
    return [
        *("run", "--name", container, "--pull", "never", "--network", network),
        *("--hostname", hostname(spec), "--sig-proxy=false"),
        *(f"--add-host={name}:127.0.0.1" for name in spec.hosts if network == "none"),
        *("--memory", str(limits.memory_bytes), "--memory-swap", str(limits.memory_bytes)),
        *("--pids-limit", str(limits.processes), "--cpus", str(limits.cpus)),
        *("--ulimit", f"nofile={files}:{files}", "--ulimit", "core=0:0"),
        *("--ulimit", f"fsize={limits.file_bytes}:{limits.file_bytes}"),
        *("--ulimit", f"nproc={limits.processes}:{limits.processes}"),
        *("--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
        *("--tmpfs", f"/tmp:rw,exec,mode=1777,size={limits.disk_bytes}"),  # noqa: S108 - inside
        *(word for mount in mounts for word in ("--volume", mount)),
        *("--entrypoint", "/bin/sh", str(spec.image), f"{_INSIDE}/start"),
    ]


def _write_script(box: Box, spec: SandboxSpec) -> None:
    # An image has its own working directory; ours is used where it was asked for.
    place = shlex.quote(spec.cwd)
    asked = "cwd" in spec.model_fields_set
    script = box.start / "start"
    script.write_text(
        f"read -r word < {_INSIDE}/go\n"
        f". {_INSIDE}/env\n"
        f"{f'cd -- {place} || exit 126' if asked else f'cd -- {place} 2>/dev/null'}\n"
        f"exec /bin/sh -c {shlex.quote(replacing_shell(spec.command))}\n"
    )
    script.chmod(0o644)


def _engine_env() -> dict[str, str]:
    return {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
