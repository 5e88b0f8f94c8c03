"""The command line that builds a sandbox, as a value: nothing is started here.

Each program in the chain does one thing and becomes the next: die with the grader, bound the
resources, enter a private mount namespace, mount the layer for writing there, and let bwrap build
the rest. Because every step is an `exec`, the grader's child is bwrap itself.
"""

import resource
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from ._model import Limits, Network, SandboxSpec
from ._world import Box, hostname, shared_etc

_MOUNT_SCRIPT = """\
set -eu
scratch=$1 size=$2 uid=$3 lower=$4 options=$5
shift 5
mount -t tmpfs -o "size=$size,nr_inodes=200000,mode=0755,nosuid,nodev" acidtest "$scratch"
cd "$scratch"
mkdir upper work app home tmp shm run var lower
mkdir var/cache var/lib var/log var/tmp
chmod 1777 tmp shm run var var/cache var/lib var/log var/tmp
ln -s /run var/run
chown "$uid:$uid" upper app home
if [ -n "$lower" ]; then
    mount --bind "$lower" lower
    if ! mount -t overlay -o "lowerdir=lower,upperdir=upper,workdir=work$options" overlay app
    then
        mount --bind lower app
        mount -o remount,bind,ro app
    fi
fi
cd /
unset OLDPWD
exec "$@"
"""
_ROOT_LINKS = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_WRITABLE = {
    "app": "/app",
    "home": "/home/app",
    "run": "/run",
    "shm": "/dev/shm",  # noqa: S108 - the sandbox's own
    "tmp": "/tmp",  # noqa: S108 - the same
    "var": "/var",
}
"""Parts of the bounded memory file system, and where they are shown."""
_OTHERS = frozenset(("/usr", "/dev", "/proc", *_WRITABLE.values()))
"""Directories that something else makes."""
START_DIRECTORY = "/.acidtest"


class Descriptors(NamedTuple):
    """File descriptors that bwrap inherits."""

    info: int
    block: int
    seccomp: int | None


class Privilege(NamedTuple):
    """Which right the sandbox is built with."""

    root: bool
    """Whether the grader is root: the program then runs as a user of its own on the host."""
    uid: int
    """The program's user as the host sees it."""


def command_line(
    spec: SandboxSpec, box: Box, *, privilege: Privilege, descriptors: Descriptors
) -> list[str]:
    """Return the whole chain of commands that builds the sandbox and then waits to be released."""
    return [
        *("setpriv", "--pdeathsig", "KILL", "--"),
        *resource_limits(spec.limits, own_user=privilege.root),
        *("unshare", "--mount", "--propagation", "private"),
        *(() if privilege.root else ("--user", "--map-root-user")),
        *("--", "/bin/sh", "-c", _MOUNT_SCRIPT, "acidtest"),
        *(str(box.scratch), str(spec.limits.disk_bytes)),
        # Without privilege only one user is mapped, called 0 out here and `app` inside.
        str(privilege.uid if privilege.root else 0),
        "" if spec.layered is None else str(spec.layered),
        "" if privilege.root else ",userxattr",
        *_bwrap(spec, box, privilege=privilege, descriptors=descriptors),
    ]


def resource_limits(limits: Limits, *, own_user: bool) -> list[str]:
    """Return the command that bounds what it becomes, as far as the kernel counts by process.

    Args:
        limits: the bounds.
        own_user: whether its user runs nothing else, so that processes can be counted by user.
    """
    wanted = {
        "nofile": (resource.RLIMIT_NOFILE, limits.open_files),
        "fsize": (resource.RLIMIT_FSIZE, limits.file_bytes),
        "core": (resource.RLIMIT_CORE, 0),
    }
    if own_user:
        # Counted for each user, so it means something only when the user is the sandbox's alone.
        wanted["nproc"] = (resource.RLIMIT_NPROC, limits.processes + 1)
    options = []
    for name, (kind, value) in wanted.items():
        hard = resource.getrlimit(kind)[1]
        # A limit that is lower already cannot be raised without privilege, and need not be.
        options.append(f"--{name}={value if hard == resource.RLIM_INFINITY else min(value, hard)}")
    return ["prlimit", *options, "--"]


def _bwrap(
    spec: SandboxSpec, box: Box, *, privilege: Privilege, descriptors: Descriptors
) -> list[str]:
    network = ("--unshare-net",) if spec.network is Network.PRIVATE else ()
    seccomp = descriptors.seccomp
    return [
        *("bwrap", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"),
        *network,
        *(() if privilege.root else ("--unshare-user", "--uid", "1000", "--gid", "1000")),
        *("--die-with-parent", "--new-session", "--clearenv", "--hostname", hostname(spec)),
        *_file_system(spec, box),
        *("--info-fd", str(descriptors.info), "--block-fd", str(descriptors.block)),
        *(() if seccomp is None else ("--seccomp", str(seccomp))),
        "--",
        *(_drop_privilege(privilege.uid) if privilege.root else _count_processes(spec.limits)),
        *("/bin/sh", f"{START_DIRECTORY}/start"),
    ]


def _drop_privilege(uid: int) -> list[str]:
    return [
        *("/usr/bin/setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"),
        *("--no-new-privs", "--inh-caps=-all", "--ambient-caps=-all", "--bounding-set=-all", "--"),
    ]


def _count_processes(limits: Limits) -> list[str]:
    """Return the command that bounds processes from inside.

    Set within the sandbox's own user namespace, the bound counts only what runs in there (from
    kernel 5.14 on); set outside, it would count everything the grader's user runs.
    """
    return ["/usr/bin/prlimit", f"--nproc={limits.processes + 1}", "--"]


def _file_system(spec: SandboxSpec, box: Box) -> list[str]:
    arguments = ["--ro-bind", "/usr", "/usr"]
    for name in _ROOT_LINKS:
        if Path(name).is_symlink():
            arguments += ["--symlink", str(Path(name).readlink()), name]
        elif Path(name).is_dir():
            arguments += ["--ro-bind", name, name]
    arguments += ["--proc", "/proc", "--dev", "/dev"]
    binds = [("--ro-bind", source, target) for source, target in shared_etc()]
    binds += [("--ro-bind", file, f"/etc/{file.name}") for file in sorted(box.etc.iterdir())]
    binds += [("--bind", box.scratch / name, target) for name, target in _WRITABLE.items()]
    binds += [
        ("--bind" if mount.writable else "--ro-bind", mount.source, mount.target)
        for mount in spec.mounts
    ]
    binds.append(("--ro-bind", box.start, START_DIRECTORY))
    arguments += _parents(target for _, _, target in binds)
    arguments += [word for kind, source, target in binds for word in (kind, str(source), target)]
    # Last, since it also tells the grader that everything before it is done.
    return [*arguments, "--remount-ro", "/dev", "--remount-ro", "/"]


def _parents(targets: Iterable[str]) -> list[str]:
    """Directories above `targets`, for bwrap would make them closed to everybody but root."""
    above = {str(path) for target in targets for path in PurePosixPath(target).parents}
    made = sorted(path for path in above if path != "/" and path not in _OTHERS)
    return [word for path in made for word in ("--perms", "0755", "--dir", path)]
