import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from acidtest.core.errors import SubmissionError, UsageError
from acidtest.grader.lab.intake import IntakeLimits, take_in

WHEN = "2024-03-05T10:20:30+02:00"


def _git(folder: Path, *arguments: str) -> str:
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@example.org",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@example.org",
        "GIT_COMMITTER_DATE": WHEN,
        "GIT_AUTHOR_DATE": WHEN,
    }
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=env, check=True, capture_output=True, timeout=20
    )
    return done.stdout.decode().strip()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small service's folder."""
    source = tmp_path / "my service"
    (source / "app").mkdir(parents=True)
    (source / "main.py").write_text("one\n")
    (source / "app" / "models.py").write_text("two\n")
    return source


@pytest.fixture
def repository(folder: Path) -> Path:
    """The same folder with one commit."""
    _git(folder, "init", "-q", "-b", "main")
    _git(folder, "add", ".")
    _git(folder, "commit", "-q", "-m", "first")
    return folder


async def test_a_folder_is_copied_and_never_written(folder: Path, tmp_path: Path) -> None:
    """The copy has the files, the original keeps its own, and both are apart."""
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    taken = await take_in(str(folder), tmp_path / "copy")
    (taken.root / "main.py").write_text("changed")

    assert (folder / "main.py").read_text() == "one\n"
    assert before == {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert taken.label == "my-service"
    assert taken.committed_at is None


async def test_links_that_leave_a_folder_do_not_come_along(folder: Path, tmp_path: Path) -> None:
    """A folder's links to elsewhere are left out and said; inner ones stay links."""
    (folder / "out").symlink_to("/etc/passwd")
    (folder / "up").symlink_to("../..")
    (folder / "alias.py").symlink_to("main.py")
    taken = await take_in(str(folder), tmp_path / "copy")

    assert not os.path.lexists(taken.root / "out")
    assert not os.path.lexists(taken.root / "up")
    assert (taken.root / "alias.py").readlink() == Path("main.py")
    assert sum("leads out" in note for note in taken.notes) == 2


async def test_a_pipe_in_a_folder_does_not_hang_us(folder: Path, tmp_path: Path) -> None:
    """A named pipe is left out and said, without being opened."""
    os.mkfifo(folder / "pipe")
    taken = await take_in(str(folder), tmp_path / "copy")

    assert not (taken.root / "pipe").exists()
    assert any("neither a file nor a folder" in note for note in taken.notes)


async def test_what_tools_leave_behind_is_left_out(folder: Path, tmp_path: Path) -> None:
    """Environments and caches stay behind; databases and secrets come along and are named."""
    for name in (
        ".venv/lib/x.py",
        "web/node_modules/y.js",
        "app/__pycache__/z.pyc",
        "env/pyvenv.cfg",
    ):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text("x")
    (folder / "books.sqlite3").write_text("x")
    (folder / ".env").write_text("KEY=1")
    taken = await take_in(str(folder), tmp_path / "copy")
    names = {path.name for path in taken.root.rglob("*")}

    assert names == {"main.py", "app", "models.py", "web", "books.sqlite3", ".env"}
    text = "\n".join(taken.notes)
    for word in (
        ".venv",
        "node_modules",
        "__pycache__",
        "virtual environment",
        "books.sqlite3",
        ".env",
    ):
        assert word in text


async def test_a_folder_in_a_larger_tree_can_be_the_service(folder: Path, tmp_path: Path) -> None:
    """The whole tree is copied and the named folder is the service's root."""
    taken = await take_in(str(folder), tmp_path / "copy", subdirectory="app")

    assert taken.root == taken.tree / "app"
    assert taken.subdirectory == "app"
    assert (taken.tree / "main.py").exists()


@pytest.mark.parametrize("inner", ["nowhere", "../", "/etc", "sly"])
async def test_the_service_folder_must_lie_inside(folder: Path, tmp_path: Path, inner: str) -> None:
    """A service folder that is missing or leads out is refused."""
    (folder / "sly").symlink_to("/etc")
    with pytest.raises((UsageError, SubmissionError)):
        await take_in(str(folder), tmp_path / "copy", subdirectory=inner)


async def test_the_commit_of_a_folder_is_read(repository: Path, tmp_path: Path) -> None:
    """A clean repository tells its commit and its date, and nothing is noted about changes."""
    taken = await take_in(str(repository), tmp_path / "copy")

    assert taken.commit == _git(repository, "rev-parse", "HEAD")
    assert taken.committed_at == datetime(2024, 3, 5, 8, 20, 30, tzinfo=UTC)
    assert not (taken.tree / ".git").exists()
    assert not any("differs" in note or "last commit" in note for note in taken.notes)


async def test_what_is_not_committed_is_said(repository: Path, tmp_path: Path) -> None:
    """Changed, missing and extra files are counted; the folder as it stands is what is taken."""
    (repository / "main.py").write_text("changed\n")
    (repository / "app" / "models.py").unlink()
    (repository / "new.py").write_text("new")
    taken = await take_in(str(repository), tmp_path / "copy")

    assert (taken.root / "main.py").read_text() == "changed\n"
    assert any("1 files changed, 1 missing" in note for note in taken.notes)
    assert any("1 files are not in its last commit" in note for note in taken.notes)


async def test_a_packed_repository_is_read_too(repository: Path, tmp_path: Path) -> None:
    """After gc, when references and objects are packed, the commit is still found."""
    _git(repository, "gc", "-q")
    taken = await take_in(str(repository), tmp_path / "copy")

    assert taken.commit == _git(repository, "rev-parse", "HEAD")


async def test_a_bare_repository_gives_its_newest_commit(repository: Path, tmp_path: Path) -> None:
    """A repository without a work tree is taken by its HEAD, not as a folder of git's own files."""
    bare = tmp_path / "mirror"
    _git(tmp_path, "clone", "--quiet", "--bare", str(repository), str(bare))

    taken = await take_in(str(bare), tmp_path / "copy")

    assert taken.commit == _git(repository, "rev-parse", "HEAD")
    assert (taken.root / "main.py").is_file()
    assert not (taken.root / "HEAD").exists()


@pytest.mark.parametrize("name", ["main", "v1", "short"])
async def test_one_commit_of_a_local_repository(
    repository: Path, tmp_path: Path, name: str
) -> None:
    """`path@name` takes a branch, tag or abbreviated commit, whatever the folder looks like now."""
    _git(repository, "tag", "-a", "-m", "x", "v1")
    wanted = _git(repository, "rev-parse", "HEAD")
    (repository / "main.py").write_text("changed\n")
    short = wanted[:9] if name == "short" else name
    taken = await take_in(f"{repository}@{short}", tmp_path / "copy")

    assert taken.commit == wanted
    assert (taken.root / "main.py").read_text() == "one\n"


@pytest.mark.parametrize("name", [None, "main", "full", "short"])
async def test_a_repository_is_fetched_by_url(
    repository: Path, tmp_path: Path, name: str | None
) -> None:
    """A git URL is fetched at its HEAD, a branch, a commit or an abbreviated commit."""
    sha = _git(repository, "rev-parse", "HEAD")
    suffix = {None: "", "full": f"@{sha}", "short": f"@{sha[:8]}"}.get(name, f"@{name}")
    address = f"file://{repository}{suffix}".replace(" ", "%20")
    taken = await take_in(address, tmp_path / "copy")

    assert taken.commit == sha
    assert (taken.root / "app" / "models.py").read_text() == "two\n"


@pytest.mark.parametrize(
    "address", ["ext::sh -c touch% /tmp/x", "http://example.org/x", "ftp://example.org/x"]
)
async def test_only_safe_transports_are_used(tmp_path: Path, address: str) -> None:
    """An address with another transport is refused without trying."""
    with pytest.raises(SubmissionError, match="not by"):
        await take_in(address, tmp_path / "copy")


async def test_a_repository_that_is_not_there_is_the_askers_to_mend(tmp_path: Path) -> None:
    """A missing repository is no infrastructure error."""
    with pytest.raises(SubmissionError, match="cannot be fetched"):
        await take_in(f"file://{tmp_path}/none", tmp_path / "copy")


async def test_no_program_of_a_repository_is_run(repository: Path, tmp_path: Path) -> None:
    """Hooks, filters, fsmonitor and other commands in a repository's config never run."""
    sign = tmp_path / "ran"
    script = repository / "evil.sh"
    script.write_text(f"#!/bin/sh\ntouch {sign}\ncat\n")
    script.chmod(0o755)
    (repository / ".gitattributes").write_text("* filter=evil diff=evil\n")
    _git(repository, "add", ".")
    _git(repository, "commit", "-q", "-m", "attributes")
    for key in (
        "core.fsmonitor",
        "core.pager",
        "core.sshCommand",
        "filter.evil.smudge",
        "filter.evil.clean",
        "diff.evil.textconv",
        "diff.external",
        "gpg.program",
        "uploadpack.packObjectsHook",
    ):
        _git(repository, "config", key, str(script))
    for hook in ("post-checkout", "post-index-change", "reference-transaction"):
        (repository / ".git" / "hooks" / hook).write_text(f"#!/bin/sh\ntouch {sign}\n")
        (repository / ".git" / "hooks" / hook).chmod(0o755)
    sign.unlink(missing_ok=True)
    sources = (str(repository), f"{repository}@main", f"file://{repository}".replace(" ", "%20"))
    for number, source in enumerate(sources):
        await take_in(source, tmp_path / f"copy-{number}")

    assert not sign.exists()


async def test_a_links_escape_in_a_repository_is_refused(repository: Path, tmp_path: Path) -> None:
    """A committed link that leads out is refused when a commit is taken."""
    (repository / "sly").symlink_to("/etc/passwd")
    _git(repository, "add", ".")
    _git(repository, "commit", "-q", "-m", "sly")

    with pytest.raises(SubmissionError, match="`sly`"):
        await take_in(f"{repository}@main", tmp_path / "copy")


async def test_a_git_folder_that_points_elsewhere_is_not_followed(
    folder: Path, tmp_path: Path
) -> None:
    """A `.git` file or a reference outside the folder is noted, never read."""
    (folder / ".git").write_text("gitdir: /etc")
    first = await take_in(str(folder), tmp_path / "one")
    (folder / ".git").unlink()
    (folder / ".git" / "objects").mkdir(parents=True)
    (folder / ".git" / "HEAD").write_text("ref: refs/../../../etc/hostname\n")
    second = await take_in(str(folder), tmp_path / "two")

    assert first.commit is second.commit is None
    assert any("points elsewhere" in note for note in first.notes)


async def test_pipes_in_a_git_folder_do_not_hang_us(repository: Path, tmp_path: Path) -> None:
    """A pipe among the objects ends in a note by the deadline, not in a wait for ever."""
    sha = _git(repository, "rev-parse", "HEAD")
    loose = repository / ".git" / "objects" / sha[:2] / sha[2:]
    loose.unlink()
    os.mkfifo(loose)
    try:
        taken = await take_in(str(repository), tmp_path / "copy", limits=IntakeLimits(seconds=1.5))
    except SubmissionError as error:
        assert "longer than" in str(error)  # noqa: PT017 - either end is fine, hanging is not
    else:
        assert taken.commit is None


@pytest.mark.parametrize("source", ["/does/not/exist", "nothing@here"])
async def test_nothing_there_is_the_callers_mistake(tmp_path: Path, source: str) -> None:
    """A source that does not exist is a usage error, not a bad submission."""
    with pytest.raises(UsageError, match="no folder, archive or repository"):
        await take_in(source, tmp_path / "copy")


async def test_an_empty_folder_is_no_submission(tmp_path: Path) -> None:
    """A folder without a file is refused."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(SubmissionError, match="empty"):
        await take_in(str(tmp_path / "empty"), tmp_path / "copy")


async def test_the_copy_is_never_made_over_something(folder: Path) -> None:
    """A target that holds something, or lies inside the source, is refused and kept."""
    with pytest.raises(UsageError):
        await take_in(str(folder), folder)
    with pytest.raises(UsageError):
        await take_in(str(folder), folder / "inside")

    assert (folder / "main.py").exists()
