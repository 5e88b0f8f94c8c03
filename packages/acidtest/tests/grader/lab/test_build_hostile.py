"""Builds that mean harm: each ends bounded, and changes nothing outside."""

import json
import shutil
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from acidtest.core.errors import SubmissionError
from acidtest.grader.lab.build import Built, workshop
from acidtest.grader.lab.recipe import PythonBuild, Recipe
from acidtest.grader.lab.sandbox import Driver

pytestmark = pytest.mark.lab
Builder = Callable[..., Coroutine[Any, Any, Built]]


def _plain(**more: Any) -> Recipe:
    plan = PythonBuild(kind="requirements", files=("requirements.txt",))
    return Recipe(**{
        "stack": "python", "source": "test", "start": "true", "dependencies": plan, **more
    })  # fmt: skip


async def test_a_build_that_hangs_ends_by_the_deadline(make: Builder) -> None:
    """A build command that never ends is the candidate's failure, with what it wrote."""
    began = time.monotonic()
    recipe = Recipe(stack="x", source="t", start="x", build=("echo waiting; sleep 600",))
    with pytest.raises(SubmissionError, match="took longer than 2 s") as caught:
        await make({"x": ""}, recipe, deadline=2.0)

    assert caught.value.log == "waiting"
    assert time.monotonic() - began < 20


async def test_a_build_that_floods_its_output_is_bounded(make: Builder) -> None:
    """Endless output is kept to its tail and ends by the deadline."""
    recipe = Recipe(stack="x", source="t", start="x", build=("yes flood",))
    with pytest.raises(SubmissionError) as caught:
        await make({"x": ""}, recipe, deadline=1.5)

    assert len(caught.value.log) < 100_000


async def test_a_build_that_fills_the_disk_is_ended(
    make: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A build that writes more than its share is ended long before the disk is full."""
    monkeypatch.setattr(workshop, "_MOST_DISK", 20_000_000)
    fill = "i=0; while true; do i=$((i+1)); head -c 1000000 /dev/zero > f$i; sleep 0.01; done"
    recipe = Recipe(stack="x", source="t", start="x", build=(fill,))

    with pytest.raises(SubmissionError, match="wrote more than"):
        await make({"x": ""}, recipe, deadline=30.0)


async def test_a_fork_bomb_in_a_build_ends(make: Builder, driver: Driver) -> None:
    """A fork bomb exhausts its own bound and ends by the deadline."""
    if not driver.isolated:
        pytest.skip("processes are bounded by isolating drivers only")
    bomb = "bomb() { bomb | bomb & }; bomb; sleep 60"
    recipe = Recipe(stack="x", source="t", start="x", build=(bomb,))

    with pytest.raises(SubmissionError):
        await make({"x": ""}, recipe, deadline=2.0)


async def test_a_build_sees_nothing_of_the_grader(
    make: Builder, driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A build runs as nobody we know, without our environment and without our files."""
    if not driver.isolated:
        pytest.skip("only an isolating driver hides the machine")
    monkeypatch.setenv("GITHUB_TOKEN", "grader-secret")
    command = "env; id -u; cat /etc/shadow; ls -a /root; echo x > /usr/x; true"
    recipe = Recipe(stack="x", source="t", start="x", build=(command,))
    built = await make({"x": ""}, recipe)

    assert "grader-secret" not in built.log_tail
    assert "root:" not in built.log_tail
    assert "\n0\n" not in built.log_tail
    assert not Path("/usr/x").exists()


async def test_links_planted_by_a_build_lead_the_grader_nowhere(
    make: Builder, driver: Driver, tmp_path: Path
) -> None:
    """A build that puts links where the grader writes its own notes changes nothing outside."""
    if not driver.isolated:
        pytest.skip("only an isolating driver shows /env")
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    plant = "import os, setuptools\n"
    for name in ("notes", ".work/locked.txt", ".cache/x", "content"):
        plant += f"os.path.lexists('/env/{name}') or os.symlink({str(victim)!r}, '/env/{name}')\n"
    files = {
        "evil/setup.py": f"{plant}setuptools.setup(name='evil', version='1')\n",
        "requirements.txt": "./evil\n",
    }
    built = await make(files, _plain())

    assert victim.read_text() == "untouched"
    assert "untouched" not in "".join(built.notes)
    assert (built.mounts[0].source / "notes").is_symlink()


@pytest.mark.skipif(shutil.which("npm") is None, reason="there is no npm on this machine")
async def test_a_folder_swapped_for_a_link_is_not_followed(
    make: Builder, driver: Driver, tmp_path: Path
) -> None:
    """An install script that replaces the service's folder by a link out ends the build."""
    if not driver.isolated:
        pytest.skip("an isolating driver shows /app")
    outside = tmp_path / "outside"
    (outside / "node_modules").mkdir(parents=True)
    swap = f"cd /app && mv service moved && ln -s {outside} service"
    package = {"scripts": {"start": "node x.js", "postinstall": swap}, "dependencies": {"ms": "2"}}

    with pytest.raises(SubmissionError):
        await make(
            {"service/package.json": json.dumps(package), "service/x.js": ""},
            subdirectory="service",
        )
    assert [path.name for path in outside.iterdir()] == ["node_modules"]


async def test_a_kept_environment_cannot_be_changed_by_a_submission(make: Builder) -> None:
    """What one submission's own commands write into its environment, the next does not get."""
    files = {"requirements.txt": "idna==3.6\n", "main.py": ""}
    spoil = "for f in $(find /env -name core.py); do echo bad > $f; done; find /env -name core.py"
    first = await make(files, _plain(build=(spoil,)))
    second = await make(files, _plain())
    cores = [
        next(mount.source.rglob("idna/core.py")) for mount in (first.mounts[0], second.mounts[0])
    ]

    assert cores[0].read_text() == "bad\n"
    assert "def encode" in cores[1].read_text()
    assert second.cached
