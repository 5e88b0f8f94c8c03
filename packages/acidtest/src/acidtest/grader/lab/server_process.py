"""A real server as our child: dies with the grader, is on record, and is killed whole.

PostgreSQL and Redis are started alike from here, so that what must be true of every such child is
said once.
"""

import asyncio
import os
import pwd
from collections.abc import Mapping, Sequence
from pathlib import Path
from signal import Signals
from typing import NamedTuple

import psutil

from acidtest.core.errors import InfrastructureError

PIDS_FILE = "pids"
"""In a run's folder: one `pid start-time` a line, for whoever cleans up after a dead grader."""

_POLL = 0.005
_LOG_TAIL = 2_000
_NO_RIGHTS = ("--no-new-privs", "--inh-caps=-all", "--bounding-set=-all")
_PASSING_FOLDERS = (
    "--no-new-privs",
    *(f"--{kind}=-all,+dac_override" for kind in ("inh-caps", "ambient-caps", "bounding-set")),
)


class Identity(NamedTuple):
    """A way of running a server without the rights of root."""

    name: str
    prefix: tuple[str, ...]
    """The words before the server's own command."""
    owner: tuple[int, int] | None
    """The user and group that must own its files, when not ourselves."""

    def give(self, path: Path) -> None:
        """Make `path` belong to the identity."""
        user, group = self.owner or (os.geteuid(), os.getegid())
        os.chown(path, user, group)


def identities() -> tuple[Identity, ...]:
    """The ways worth trying on this machine, safest first.

    A real other user is safest, but it must be able to walk to the run's folder; the user namespace
    works under any folder because there the files stay our own. A container often permits none of
    it: root's home is closed and namespaces are not to be had. There another user may pass closed
    folders, which is what root could do anyway.
    """
    if os.geteuid() != 0:
        return (Identity("own user", (), None),)
    found: list[Identity] = []
    passing: list[Identity] = []
    for user in ("nobody", "postgres"):
        try:
            entry = pwd.getpwnam(user)
        except KeyError:
            continue
        ids = (entry.pw_uid, entry.pw_gid)
        other = ("setpriv", f"--reuid={ids[0]}", f"--regid={ids[1]}", "--clear-groups")
        found.append(Identity(f"user {user}", (*other, *_NO_RIGHTS, "--"), ids))
        closed = f"user {user} past closed folders"
        passing.append(Identity(closed, (*other, *_PASSING_FOLDERS, "--"), ids))
    namespace = ("unshare", "-U", "--map-user=65534", "--map-group=65534", "--")
    found.append(Identity("user namespace", namespace, None))
    return (*found, *passing)


class ServerProcess:
    """One running server; `stop`, `kill`, `freeze` and `thaw` act on it and all its children."""

    def __init__(self, process: asyncio.subprocess.Process, *, name: str, log: Path) -> None:
        self.name = name
        self.log = log
        self._process = process

    @classmethod
    async def start(
        cls,
        command: Sequence[str],
        *,
        name: str,
        identity: Identity,
        run_dir: Path,
        env: Mapping[str, str] | None = None,
        stdin: bytes | None = None,
    ) -> "ServerProcess":
        """Start `command` as `identity`; its output goes to `<run_dir>/<name>.log`."""
        log = run_dir / f"{name}.log"
        words = (*identity.prefix, "setpriv", "--pdeathsig", "KILL", "--", *command)
        with log.open("ab") as output:
            try:
                process = await asyncio.create_subprocess_exec(
                    *words,
                    stdin=asyncio.subprocess.DEVNULL if stdin is None else asyncio.subprocess.PIPE,
                    stdout=output,
                    stderr=output,
                    env=dict(env or {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}),
                    cwd=run_dir,
                    start_new_session=True,
                )
            except OSError as error:
                raise InfrastructureError(f"{name} could not be started: {error}") from error
        record_pid(run_dir, process.pid)
        if process.stdin is not None and stdin is not None:
            process.stdin.write(stdin)
            process.stdin.close()
        return cls(process, name=name, log=log)

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the server's own process has not ended."""
        return self._process.returncode is None

    def log_tail(self) -> str:
        """The last of what the server wrote."""
        try:
            return self.log.read_bytes()[-_LOG_TAIL:].decode(errors="replace")
        except OSError:
            return ""

    def family(self) -> list[psutil.Process]:
        """The server and everything it started, itself first."""
        try:
            parent = psutil.Process(self.pid)
            return [parent, *parent.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def signal(self, number: Signals) -> None:
        """Send a signal to the server's own process."""
        if self.running:
            self._process.send_signal(number)

    async def stop(self, number: Signals = Signals.SIGTERM, *, timeout: float = 5.0) -> None:
        """Ask it to end, and kill it when it has not within `timeout` seconds."""
        self.signal(Signals.SIGCONT)
        self.signal(number)
        try:
            await asyncio.wait_for(self._process.wait(), timeout)
        except TimeoutError:
            await self.kill()

    async def kill(self, *, timeout: float = 10.0) -> None:
        """Kill it and all its children without warning; returns when none is left."""
        family = self.family() if self.running else []
        for member in family:
            try:
                member.kill()
            except psutil.NoSuchProcess:
                continue
        deadline = asyncio.get_running_loop().time() + timeout
        await asyncio.wait_for(self._process.wait(), timeout)
        while any(_alive(member) for member in family[1:]):
            if asyncio.get_running_loop().time() > deadline:
                raise InfrastructureError(f"{self.name} has children that do not die")
            await asyncio.sleep(_POLL)

    def freeze(self) -> None:
        """Stop it where it is; connections stay and nothing is answered."""
        for member in self.family():
            member.suspend()

    def thaw(self) -> None:
        """Let it go on."""
        for member in self.family():
            member.resume()


def record_pid(run_dir: Path, pid: int) -> None:
    """Put a child on record, so that it can be ended after the grader was killed."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return
    # The command's name, in brackets, may hold anything; the start time is the 20th word after it.
    start_time = fields.rpartition(")")[2].split()[19]
    with (run_dir / PIDS_FILE).open("a", encoding="ascii") as record:
        record.write(f"{pid} {start_time}\n")


def _alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
