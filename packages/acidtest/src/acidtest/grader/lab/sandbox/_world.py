"""The files of a sandbox's world: a machine with one user, few names and nothing of its host.

Everything here is written by the grader before the program exists; the program sees it read-only.
"""

import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from ._model import Network, SandboxSpec
from ._shell import start_script

FIRST_UID = 1_900_000_000
"""Throwaway users begin here: above the ranges given to people, services, containers and nspawn."""
_UIDS = 100_000

_SHARED_ETC = (
    *("ssl/certs", "ssl/openssl.cnf", "ca-certificates", "pki", "alternatives", "localtime"),
    *("timezone", "mime.types", "protocols", "services", "gai.conf"),
    *("ld.so.cache", "ld.so.conf", "ld.so.conf.d"),
)
"""What of the host's /etc is shown: certificates and tables, no names, keys or accounts."""


class Box(NamedTuple):
    """A sandbox's own directory on the host."""

    path: Path

    @property
    def etc(self) -> Path:
        """Files shown in /etc."""
        return self.path / "etc"

    @property
    def start(self) -> Path:
        """The directory of the start script."""
        return self.path / "start"

    @property
    def scratch(self) -> Path:
        """Where the launcher mounts the bounded memory file system."""
        return self.path / "scratch"

    def write_start(self, spec: SandboxSpec, *, env: Mapping[str, str]) -> None:
        """Write the script that the program starts from.

        It is a file and not an argument: the environment holds passwords, and everybody on the
        host can read the arguments of a process.
        """
        script = self.start / "start"
        script.write_text(start_script(spec.command, cwd=spec.cwd, env=env))
        script.chmod(0o644)


def throwaway_uid() -> int:
    """Return a user id that no account and, as good as surely, no other sandbox has."""
    return FIRST_UID + secrets.randbelow(_UIDS)


def make_box(spec: SandboxSpec, *, uid: int) -> Box:
    """Write the sandbox's directory below the run's."""
    safe = re.sub(r"[^A-Za-z0-9_-]", "_", spec.name)[:40]
    box = Box(spec.run_dir / "boxes" / f"{safe}-{secrets.token_hex(4)}")
    for path in (box.etc, box.start, box.scratch):
        path.mkdir(parents=True)
        path.chmod(0o755)
    for name, text in _etc_files(spec, uid).items():
        file = box.etc / name
        file.write_text(text)
        file.chmod(0o644)
    return box


def shared_etc() -> list[tuple[Path, str]]:
    """Return what of the host's /etc is shown, as pairs of source and target."""
    paths = [Path("/etc") / name for name in _SHARED_ETC]
    return [(path, str(path)) for path in paths if path.exists()]


def _etc_files(spec: SandboxSpec, uid: int) -> dict[str, str]:
    private = spec.network is Network.PRIVATE
    names = " ".join(dict.fromkeys(("localhost", *spec.hosts)))
    return {
        "passwd": (
            "root:x:0:0:root:/nonexistent:/usr/sbin/nologin\n"
            f"app:x:{uid}:{uid}:app:/home/app:/bin/sh\n"
        ),
        "group": f"root:x:0:\napp:x:{uid}:\n",
        "hosts": f"127.0.0.1 {names} {hostname(spec)}\n" if private else _host_file("hosts"),
        # No server is named: a question to the name service fails at once instead of timing out.
        "resolv.conf": "" if private else _host_file("resolv.conf"),
        "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
        "hostname": f"{hostname(spec)}\n",
    }


def hostname(spec: SandboxSpec) -> str:
    """Return the host name the program sees."""
    return re.sub(r"[^a-z0-9-]", "-", spec.name.lower())[:60].strip("-") or "app"


def _host_file(name: str) -> str:
    path = Path("/etc") / name
    return path.read_text(errors="replace") if os.access(path, os.R_OK) else ""
