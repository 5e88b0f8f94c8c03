import subprocess
from pathlib import Path

import pytest

from acidtest.core.git import git_command, git_environment_in


def _git(tree: Path, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        git_command(*arguments, settings=("user.name=A", "user.email=a@example.com")),
        cwd=tree,
        env=git_environment_in(tree, home=home),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty home."""
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def test_nobodys_setup_is_read(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a global file, the variables of the machine, nor a file in the home says anything."""
    told = tmp_path / "config"
    told.write_text("[mark]\n\tfrom = global\n")
    (home / ".gitconfig").write_text("[mark]\n\tfrom = home\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(told))
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", str(told))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "mark.from")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "variable")

    assert "mark.from" not in _git(home, home, "config", "--list").stdout


def test_what_a_repository_names_is_not_run(tmp_path: Path, home: Path) -> None:
    """Hooks, a file monitor and a program that signs stay still when a commit is made."""
    tree, sign = tmp_path / "tree", tmp_path / "ran"
    tree.mkdir()
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {sign}\nexit 1\n")
    program.chmod(0o755)
    assert _git(tree, home, "init", "--quiet").returncode == 0
    (tree / ".git" / "hooks").mkdir(exist_ok=True)
    (tree / ".git" / "hooks" / "pre-commit").symlink_to(program)
    with (tree / ".git" / "config").open("a") as config:
        config.write(
            f"[core]\n\tfsmonitor = {program}\n\thooksPath = {tree}/.git/hooks\n"
            f"[commit]\n\tgpgSign = true\n[gpg]\n\tprogram = {program}\n"
        )
    (tree / "file").write_text("x")
    assert _git(tree, home, "add", "file").returncode == 0
    made = _git(tree, home, "commit", "--quiet", "-m", "one")

    assert made.returncode == 0, made.stderr
    assert not sign.exists()


def test_a_repository_around_the_folder_is_not_found(tmp_path: Path, home: Path) -> None:
    """In a folder that is none, git does not go up to the repository the folder lies in."""
    assert _git(tmp_path, home, "init", "--quiet").returncode == 0
    inner = tmp_path / "inner"
    inner.mkdir()

    assert _git(tmp_path, home, "rev-parse", "--git-dir").returncode == 0
    assert _git(inner, home, "rev-parse", "--git-dir").returncode == 128
