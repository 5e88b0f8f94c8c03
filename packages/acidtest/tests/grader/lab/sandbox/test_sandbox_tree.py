"""Trees that a throwaway user may read, and perhaps write."""

import os
import stat
from pathlib import Path

import pytest

from acidtest.grader.lab.sandbox import open_tree
from acidtest.grader.lab.sandbox._watch import watch_disk


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    """A tree that nobody but its owner may enter."""
    tree = tmp_path / "tree"
    (tree / "folder").mkdir(parents=True)
    for name, mode in (("plain", 0o600), ("tool", 0o700), ("setuid", 0o4755)):
        (tree / "folder" / name).write_text(name)
        (tree / "folder" / name).chmod(mode)
    (tree / "folder").chmod(0o700)
    return tree


def test_everybody_may_read_an_opened_tree(closed: Path) -> None:
    """Files become readable, tools stay tools, folders can be entered, set-uid is gone."""
    open_tree(closed, writable=False)
    modes = {path.name: _mode(path) for path in (closed / "folder").iterdir()}

    assert modes == {"plain": 0o644, "tool": 0o755, "setuid": 0o755}
    assert _mode(closed / "folder") == 0o755


def test_everybody_may_write_a_tree_opened_for_it(closed: Path) -> None:
    """Folders and files may be changed by every user that reaches the tree."""
    open_tree(closed, writable=True)

    assert _mode(closed / "folder") == 0o777
    assert _mode(closed / "folder" / "plain") == 0o666


def test_a_link_is_neither_followed_nor_changed(closed: Path, tmp_path: Path) -> None:
    """What a link in the tree points to keeps its mode."""
    secret = tmp_path / "secret"
    secret.write_text("x")
    secret.chmod(0o600)
    (closed / "link").symlink_to(secret)
    (closed / "up").symlink_to(tmp_path)
    (closed / "dangling").symlink_to("nowhere")

    open_tree(closed, writable=True)

    assert _mode(secret) == 0o600


async def test_the_room_a_tree_takes_is_watched(tmp_path: Path) -> None:
    """A tree larger than its bound is noticed, with links not counted as what they lead to."""
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "file").write_bytes(os.urandom(300_000))
    (tmp_path / "link").symlink_to("/usr")
    said: list[str] = []

    await watch_disk([tmp_path], 100_000, said.append)

    assert said == ["wrote more than 100000 bytes"]
