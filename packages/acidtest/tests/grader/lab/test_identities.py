"""As whom servers run: never as root, and even where the folders of root are closed to others."""

import os
import subprocess
from pathlib import Path

import pytest

from acidtest.grader.lab.server_process import Identity, identities

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


def named(text: str) -> list[Identity]:
    """The ways of running a server with `text` in their names."""
    return [identity for identity in identities() if text in identity.name]


def run(identity: Identity, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command as `identity`."""
    return subprocess.run(
        [*identity.prefix, *command], capture_output=True, text=True, timeout=10, check=False
    )


@root_only
def test_closed_folders_are_passed_as_a_last_resort(tmp_path: Path) -> None:
    """A file of its own below a folder of root's can be written, by somebody who is not root."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    (identity, *_) = named("past closed folders")
    assert identities()[-1] in named("past closed folders")
    own = closed / "own"
    own.touch(mode=0o600)
    identity.give(own)

    done = run(identity, "sh", "-c", 'echo more >>"$1" && id -u', "sh", str(own))

    assert done.stdout.strip() not in {"", "0"}, done.stderr
    assert own.read_text() == "more\n"


@root_only
def test_the_first_choice_has_no_rights(tmp_path: Path) -> None:
    """The first way that is tried cannot look into a closed folder."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)

    assert run(identities()[0], "ls", str(closed)).returncode != 0
