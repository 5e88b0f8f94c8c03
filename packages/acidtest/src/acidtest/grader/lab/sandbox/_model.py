"""What a sandbox is asked for and what it tells: plain values, no behaviour.

A room of its own because every driver, the builder and the engine speak these words, and because a
plan for a sandbox can then be printed, compared and tested without starting anything.
"""

from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict

MIB = 1024 * 1024

DEFAULT_NAMES = (
    "localhost",
    "postgres",
    "postgresql",
    "db",
    "database",
    "redis",
    "cache",
    "host.docker.internal",
)
"""Host names that people hard-code; all of them lead to the grader's listeners."""


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Network(StrEnum):
    """What a sandbox can reach."""

    PRIVATE = "private"
    """A network of its own whose only listeners are the grader's and the program's."""
    HOST = "host"
    """The machine's network; for builds only, which must fetch packages."""


class Limits(_Value):
    """How much of the machine one sandbox may take."""

    memory_bytes: int = 512 * MIB
    processes: int = 256
    """Processes and threads together."""
    cpus: float = 2.0
    file_bytes: int = 256 * MIB
    """The largest single file."""
    disk_bytes: int = 256 * MIB
    """Everything written to /app, /tmp, $HOME and /dev/shm together; counts as memory too."""
    open_files: int = 4096
    output_bytes: int = 4 * MIB
    """How much of the log is kept; older lines are dropped, never the reading stopped."""


class Mount(_Value):
    """A host path shown inside."""

    source: Path
    target: str
    writable: bool = False
    """A writable source belongs to the sandbox's user until `close`, then to the grader again."""


class SandboxSpec(_Value):
    """One program and the world it will see."""

    name: str
    """Short and unique within the run, such as `replica-1`."""
    command: str
    """A shell line; a single program replaces the shell, so that signals reach it."""
    run_dir: Path
    """The run's private directory (see `leftovers`)."""
    cwd: str = "/app"
    env: dict[str, str] = {}
    """The only environment, apart from PATH, HOME, USER, LANG and TMPDIR where absent."""
    mounts: tuple[Mount, ...] = ()
    layered: Path | None = None
    """Tree shown at /app: itself read-only, with a private, bounded layer for what is written."""
    limits: Limits = Limits()
    network: Network = Network.PRIVATE
    hosts: tuple[str, ...] = DEFAULT_NAMES
    """Names that mean 127.0.0.1 inside."""
    image: str | None = None
    """Container image, for the drivers that run one; its own work folder unless `cwd` is given."""
    read_only: bool = False
    """Whether an image's files cannot be written, /tmp, /var/tmp and /run excepted."""


class Probe(_Value):
    """Whether a driver works on this machine, tried and not guessed."""

    ok: bool
    reason: str
    """Why not; or, when it works, what a person should know about it."""
    facts: dict[str, str] = {}


class Usage(_Value):
    """What a sandbox takes now and has taken."""

    memory_bytes: int = 0
    peak_bytes: int = 0
    cpu_seconds: float = 0.0
    processes: int = 0
    oom_killed: bool = False
    """Something inside was ended for taking more memory than it may."""
