"""The scan that CI runs: every commit of a change, and no false alarm about what stands in."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCAN = Path(__file__).parents[1] / "ci" / "secret_scan.py"
# In pieces, so that this file can pass the scan itself.
SECRETS = [
    "-----BEGIN RSA PRIVATE" + " KEY-----",
    "aws = AKI" + "AQ3EGRIZ2XK5TN7QW",
    "token ghp_" + "a1B2c3D4e5F6a1B2c3D4e5F6a1B2c3D4e5F6",
    "key = 'sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc'",
    "url = postgresql://orders:s3cret-" + "w0rd@db:5432/orders",
    "SMTP_PASSWORD=" + "k3J9x!mQ7vLp2",
    "api_token: " + "9f8e7d6c5b4a39281706f5e4d3c2b1a0",
]
HARMLESS = [
    "password = os.environ['DB_PASSWORD']",
    "url = postgresql://USER:PASSWORD@HOST/db".replace("PASSWORD@", "${PASSWORD}@"),
    "commit 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b",
    "token = read_token_from_the_vault",
    "secret_name: payments-webhook",
    "POSTGRES_PASSWORD=",
]


class Repository:
    """A repository in which a change is made."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.git("init", "--quiet")
        self.commit("README.md", "Nothing yet.")
        self.base = self.git("rev-parse", "HEAD")

    def git(self, *words: str) -> str:
        """Run git and return what it printed."""
        who = ("-c", "user.name=a", "-c", "user.email=a@example.test")
        run = subprocess.run(
            ["git", *who, *words], cwd=self.folder, check=True, capture_output=True, text=True
        )
        return run.stdout.strip()

    def commit(self, name: str, text: str | None) -> None:
        """Write or remove a file in a commit of its own."""
        path = self.folder / name
        path.unlink() if text is None else path.write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "-m", name)

    def scan(self) -> subprocess.CompletedProcess[str]:
        """Scan the change since the first commit."""
        return subprocess.run(
            [sys.executable, str(SCAN)],
            cwd=self.folder,
            env={**os.environ, "CI_BASE": self.base, "CI_HEAD": "HEAD"},
            check=False,
            capture_output=True,
            text=True,
        )


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A repository with one commit."""
    return Repository(tmp_path)


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_blocks_and_is_not_shown(repository: Repository, secret: str) -> None:
    """The finding names file and commit, never the secret."""
    repository.commit("notes.txt", f"first line\n{secret}\n")
    scan = repository.scan()

    assert scan.returncode == 1
    assert "notes.txt: " in scan.stdout
    assert secret[-8:] not in scan.stdout


def test_a_secret_that_was_removed_again_blocks(repository: Repository) -> None:
    """It stays in the history, so it counts."""
    repository.commit("notes.txt", SECRETS[1])
    repository.commit("notes.txt", None)

    assert repository.scan().returncode == 1


@pytest.mark.parametrize("line", HARMLESS)
def test_what_stands_in_for_a_secret_passes(repository: Repository, line: str) -> None:
    """References, placeholders and names are no secrets."""
    repository.commit("notes.txt", line)

    assert repository.scan().returncode == 0


def test_a_change_that_cannot_be_read_blocks(repository: Repository) -> None:
    """Without a base there is no saying what was added."""
    repository.base = "f" * 40

    assert repository.scan().returncode == 2
