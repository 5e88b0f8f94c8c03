import asyncio
import os
import time
from pathlib import Path

import pytest

from acidtest.core.errors import InfrastructureError, SubmissionError
from acidtest.grader.lab.build.entry_point import other_entry
from acidtest.grader.lab.build.failure import of_command, of_installing
from acidtest.grader.lab.build.local_packages import fingerprint_of_folders
from acidtest.grader.lab.build.requirements import (
    mended,
    of_pipfile,
    of_poetry,
    pins_of_lock,
    read_requirements,
    with_binary_driver,
)
from acidtest.grader.lab.build.store import Store, clean_tree, key_of
from acidtest.grader.lab.build.surroundings import certificate_mounts, passed_environment
from acidtest.grader.lab.build.toolchains import find_python


def test_only_the_listed_names_reach_a_build(tmp_path: Path) -> None:
    """Certificates, proxies and indexes pass; credentials and everything else stay with us."""
    certificate = tmp_path / "ca.pem"
    certificate.touch()
    host = {
        "AWS_SECRET_ACCESS_KEY": "x",
        "GITHUB_TOKEN": "x",
        "NPM_TOKEN": "x",
        "UV_PUBLISH_TOKEN": "x",
        "HOME": "/home/teacher",
        "PATH": "/somewhere",
        "PIP_CERT": str(certificate),
        "SSL_CERT_DIR": "/etc/ssl/certs",
        "UV_DEFAULT_INDEX": "https://index.example/simple",
        "https_proxy": "http://proxy.example:3128",
        "no_proxy": "",
    }

    assert passed_environment(host) == {
        "PIP_CERT": str(certificate),
        "SSL_CERT_DIR": "/etc/ssl/certs",
        "UV_DEFAULT_INDEX": "https://index.example/simple",
        "https_proxy": "http://proxy.example:3128",
    }
    assert [mount.target for mount in certificate_mounts(host)] == [str(certificate)]


@pytest.mark.parametrize(
    "log",
    [
        "error: Failed to fetch: dns error: failed to lookup address information",
        "npm error code ENOTFOUND",
        "npm error code EAI_AGAIN",
        "error: HTTP status server error (503 Service Unavailable) for url",
        "invalid peer certificate: UnknownIssuer",
        "OSError: [Errno 28] No space left on device",
    ],
)
def test_network_trouble_is_not_the_candidates_fault(log: str) -> None:
    """An installer that could not reach its registry is the machine's trouble."""
    error = of_installing(f"Resolving\n{log}\n", 1)

    assert isinstance(error, InfrastructureError)
    assert log[:20] in str(error)


@pytest.mark.parametrize(
    "log",
    [
        "No solution found: because fastapi==99 was not found",
        "npm error code E404",
        "error: command gcc failed",
        "SyntaxError in line 503",
    ],
)
def test_what_does_not_resolve_is_the_candidates_to_mend(log: str) -> None:
    """A missing package or a failed compilation belongs to the submission, with its log."""
    error = of_installing(log, 1)

    assert isinstance(error, SubmissionError)
    assert error.log == log


def test_its_own_commands_never_blame_the_machine() -> None:
    """What a submission's own command prints cannot turn its failure into ours."""
    error = of_command("make", "dns error: failed to lookup address", 2)

    assert isinstance(error, SubmissionError)
    assert "`make` failed (exit status 2)" in str(error)


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ("*", "x"),
        ("1.2.3", "x==1.2.3"),
        ("==1.2", "x==1.2"),
        (">=1,<3", "x>=1,<3"),
        ("^1.2.3", "x>=1.2.3,<2"),
        ("^0.2.3", "x>=0.2.3,<0.3"),
        ("^0.0.3", "x>=0.0.3,<0.0.4"),
        ("^0", "x>=0,<1"),
        ("~1.2", "x>=1.2,<1.3"),
        ("~1", "x>=1,<2"),
        ("1.2.*", "x==1.2.*"),
        ({"version": "^2", "extras": ["a", "b"]}, "x[a,b]>=2,<3"),
        ({"version": "1.0", "markers": "python_version > '3'"}, "x==1.0 ; python_version > '3'"),
        ({"git": "https://e.org/x", "tag": "v1"}, "x @ git+https://e.org/x@v1"),
        ({"path": "../kit"}, "../kit"),
        ({"version": "1.0", "optional": True}, None),
    ],
)
def test_poetrys_spelling_becomes_the_standard_one(said: object, line: str | None) -> None:
    """Every way poetry and Pipenv spell a version means the same to the installer."""
    wanted = [line] if line else []

    assert of_poetry({"tool": {"poetry": {"dependencies": {"python": "^3", "x": said}}}}) == wanted
    assert of_pipfile({"packages": {"x": said}}) == wanted


def test_a_lock_becomes_pins(tmp_path: Path) -> None:
    """A package locked once is pinned; one locked twice, or from git, is left to the rules."""
    lock = tmp_path / "poetry.lock"
    lock.write_text(
        '[[package]]\nname="a"\nversion="1.0"\n[[package]]\nname="b"\nversion="1.0"\n'
        '[[package]]\nname="b"\nversion="2.0"\n'
        '[[package]]\nname="c"\nversion="1.0"\n[package.source]\ntype="git"\n'
    )
    pipenv = tmp_path / "Pipfile.lock"
    pipenv.write_text('{"default": {"a": {"version": "==2.0"}, "b": {"git": "x"}}}')

    assert pins_of_lock(lock) == ["a==1.0"]
    assert pins_of_lock(pipenv) == ["a==2.0"]


@pytest.mark.parametrize(
    ("requirements", "changed", "rebuilt"),
    [
        ("fastapi\nredis==5", "service/main.py", False),
        ("-e ../kit", "service/main.py", False),
        ("-e ../kit", "kit/code.py", True),
        ("../kit[extra]", "kit/code.py", True),
        ("../kit", "deep/code.py", True),
        ("-r more.txt", "kit/code.py", True),
        ("-e .", "service/main.py", True),
        ("kit @ file:///app/kit", "service/main.py", True),
        ("-e git+https://e.org/x#egg=x", "kit/code.py", False),
        ("../../outside", "service/main.py", True),
    ],
)
def test_only_what_is_installed_rebuilds(
    tmp_path: Path,
    requirements: str,
    changed: str,
    *,
    rebuilt: bool,
) -> None:
    """A change rebuilds an environment when it is in a folder that is installed into it."""
    files = {
        "service/requirements.txt": requirements,
        "service/more.txt": "-e ../kit",
        "service/main.py": "1",
        "kit/pyproject.toml": '[tool.uv.sources]\ndeep = { path = "../deep" }',
        "kit/code.py": "1",
        "deep/code.py": "1",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    start = [tmp_path / "service" / "requirements.txt"]
    before = fingerprint_of_folders(start, cwd=tmp_path / "service", tree=tmp_path)
    (tmp_path / changed).write_text("2")
    after = fingerprint_of_folders(start, cwd=tmp_path / "service", tree=tmp_path)

    assert (before is None or before != after) is rebuilt


def test_requirement_files_are_read_in_any_encoding_and_mended(tmp_path: Path) -> None:
    """A file from a Windows shell is read, and what was never published is dropped."""
    path = tmp_path / "requirements.txt"
    path.write_bytes("flask==3.0\r\npkg-resources==0.0.0\r\n".encode("utf-16"))

    assert mended(read_requirements(path)).split() == ["flask==3.0"]


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("psycopg2==2.9\nx", "psycopg2-binary==2.9\nx"),
        ("psycopg2", "psycopg2-binary"),
        ("psycopg2-binary==2.9", None),
        ("psycopg[binary]", None),
    ],
)
def test_the_driver_that_needs_a_compiler_has_a_substitute(text: str, changed: str | None) -> None:
    """Only the source-only driver is replaced by its prebuilt package."""
    assert with_binary_driver(text) == changed


async def test_an_interpreter_that_does_not_fit_is_said() -> None:
    """Where no Python of the machine fits, ours is tried and that is noted."""
    fits, too_new = await find_python(">=3.8"), await find_python(">=3.99")

    assert fits.note is None
    assert "3.99" in (too_new.note or "")
    assert too_new.tool == fits.tool


def test_keys_do_not_run_into_each_other() -> None:
    """Different parts never give the same key by being joined."""
    assert key_of("ab", "c") != key_of("a", "bc") != key_of("abc", "")


async def _write(folder: Path) -> None:
    await asyncio.sleep(0)
    (folder / "file").write_text("x" * 100)


async def test_an_environment_is_made_once(tmp_path: Path) -> None:
    """Builders that ask for the same key at once get one environment, made by one of them."""
    made = []

    async def make(folder: Path) -> None:
        made.append(folder)
        await _write(folder)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(Store(tmp_path).get("key", make, deadline=10)) for _ in range(5)]
    kept = [task.result() for task in tasks]

    assert len(made) == 1
    assert {entry.path for entry in kept} == {kept[0].path}
    assert sorted(entry.cached for entry in kept) == [False, True, True, True, True]


async def test_a_half_made_environment_is_never_used(tmp_path: Path) -> None:
    """A maker that fails leaves nothing behind, and the next one starts anew."""
    store = Store(tmp_path)

    async def fail(folder: Path) -> None:
        await _write(folder)
        raise SubmissionError("no")

    with pytest.raises(SubmissionError):
        await store.get("key", fail, deadline=10)
    left = list((tmp_path / "making").iterdir()) + list((tmp_path / "ready").iterdir())
    kept = await store.get("key", _write, deadline=10)

    assert left == []
    assert not kept.cached


async def test_the_oldest_environments_go_first(tmp_path: Path) -> None:
    """Beyond its bounds the store drops what was used longest ago, never the newest."""
    store = Store(tmp_path, entries=2)
    for number, key in enumerate(("a", "b", "c")):
        if number == 2:
            for age, name in ((300, "a"), (600, "b")):
                then = time.time() - age
                os.utime(tmp_path / "ready" / name, (then, then))
        await store.get(key, _write, deadline=10)
    small = Store(tmp_path, total_bytes=1)
    names = {path.name for path in (tmp_path / "ready").iterdir()}
    await small.get("d", _write, deadline=10)

    assert names == {"a", "c"}
    assert {path.name for path in (tmp_path / "ready").iterdir()} == {"d"}


async def test_a_lock_held_elsewhere_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    """Whoever waits for somebody else's build gives up by its deadline."""
    begun, end = asyncio.Event(), asyncio.Event()

    async def slow(folder: Path) -> None:
        begun.set()
        await end.wait()
        await _write(folder)

    async with asyncio.TaskGroup() as group:
        group.create_task(Store(tmp_path).get("key", slow, deadline=10))
        await begun.wait()
        with pytest.raises(InfrastructureError):
            await Store(tmp_path).get("key", _write, deadline=0.2)
        end.set()


def test_pipes_left_by_a_build_are_removed(tmp_path: Path) -> None:
    """A pipe in a built tree would hang whoever reads the tree; it goes, links stay."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").write_text("abc")
    (tmp_path / "link").symlink_to("/nowhere")

    assert clean_tree(tmp_path) == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "link"]


@pytest.mark.parametrize(
    ("start", "said_by", "built", "other"),
    [
        ("node dist/main", "package.json", "dist/src/main.js", "node dist/src/main.js"),
        ("node ./dist/index.js", "package.json", "dist/src/index.js", "node dist/src/index.js"),
        ("node dist/main", "package.json", "dist/main.js", None),
        ("node dist/main", "package.json", "dist/other/main.js", None),
        ("node dist/main", "acidtest.toml", "dist/src/main.js", None),
        ("node dist/../../main", "package.json", "dist/src/main.js", None),
        ("node dist/main --inspect", "package.json", "dist/src/main.js", None),
    ],
)
def test_what_was_built_beside_the_named_file_is_found(
    tmp_path: Path, start: str, said_by: str, built: str, other: str | None
) -> None:
    """A start script that misses the folder TypeScript keeps is mended; nothing else is guessed."""
    (tmp_path / built).parent.mkdir(parents=True)
    (tmp_path / built).write_text("")

    assert other_entry(start, tmp_path, said_by=said_by) == other
