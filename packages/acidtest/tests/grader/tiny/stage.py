"""The stage of the engine's tests: a problem so small that a whole run takes seconds."""

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import yaml

from acidtest.core.events import Event
from acidtest.core.judgement import Judgement
from acidtest.core.result import CheckResult
from acidtest.grader.engine import grade
from acidtest.grader.request import GradeRequest

HERE = Path(__file__).parent
TINY = "tiny"
"""The problem with checks that a correct service passes."""
PROBE = "probe"
"""The problem whose only check shows what a service did, at its path /deeds."""
_GROUPS = {
    TINY: [
        {"name": "notes", "title": "Notes", "weight": 60},
        {"name": "cache", "title": "Cache", "weight": 30, "replicas": 2},
        {"name": "crash", "title": "Crashes", "weight": 10, "quick": False},
    ],
    PROBE: [{"name": "deeds", "title": "Deeds", "weight": 1}],
}
_CHECKS = {TINY: "checks", PROBE: "probes"}


def make_catalogue(folder: Path) -> Path:
    """Write the two problems below `folder`."""
    facts = yaml.safe_load((HERE / "problem.yaml").read_text())
    for slug, groups in _GROUPS.items():
        package = folder / "problems" / slug
        package.mkdir(parents=True)
        # So that a service under test can tell the groups from the discovery before them.
        told = [{**group, "env": {"TINY_GROUP": group["name"]}} for group in groups]
        text = yaml.safe_dump({"slug": slug, **facts, "groups": told})
        (package / "problem.yaml").write_text(text)
        shutil.copytree(HERE / _CHECKS[slug], package / "checks")
    return folder


class Stage:
    """Submissions, runs of the engine, and what they leave on the machine."""

    def __init__(self, folder: Path, catalogue: Path, cache: Path, *, driver: str | None) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.temp = folder / "t"
        self.catalogue = catalogue
        self.driver = driver
        self.events: list[Event] = []
        self.groups: set[Path] = set()
        """Control groups that runs were seen to make."""
        self._next_look = 0.0
        for made in (self.state, self.temp):
            made.mkdir(mode=0o755)
        (self.state / "cache").symlink_to(cache)

    def submission(
        self, hook: str | None = None, *, name: str = "notes", **files: str | None
    ) -> Path:
        """The correct service with a hook of misdeeds, and with files replaced or left out.

        Args:
            hook: code of `hook.py`, whose `start(deeds)` runs first and whose `request(handler)`
                may answer in the service's stead.
            name: its folder.
            **files: text by file name without its ending (`acidtest` is a TOML file); None leaves
                the file out.
        """
        folder = self.folder / name
        shutil.copytree(HERE / "service", folder, ignore=shutil.ignore_patterns("__pycache__"))
        for stem, text in {"hook": hook, **files}.items():
            path = folder / (f"{stem}.toml" if stem == "acidtest" else f"{stem}.py")
            if text is None:
                path.unlink(missing_ok=True)
            else:
                path.write_text(text)
        return folder

    def request(self, source: Path, problem: str = TINY, **options: Any) -> GradeRequest:
        """A request of a run on this stage."""
        given = {"ready_seconds": 15.0, "build_seconds": 60.0, "driver": self.driver, **options}
        return GradeRequest(source=str(source), problem=problem, state=self.state, **given)

    async def grade(
        self,
        source: Path,
        problem: str = TINY,
        *,
        listen: Callable[[Event], None] = lambda _event: None,
        within: float = 60.0,
        **options: Any,
    ) -> Judgement:
        """Grade and return the judgement; `events` holds what was told."""
        self.events.clear()

        def hear(event: Event) -> None:
            self.events.append(event)
            self.look()
            listen(event)

        async with asyncio.timeout(within):
            return await grade(self.request(source, problem, **options), hear)

    def look(self) -> None:
        """Remember the control groups of the runs under way; not at every line of a flood."""
        if time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + 0.05
        for record in (self.state / "runs").glob("*/cgroups"):
            self.groups.update(map(Path, record.read_text().split()))

    async def settled(self, *, within: float = 2.0) -> list[str]:
        """What is left behind for good: a question of a thread may end after its run."""
        give_up = time.monotonic() + within
        while True:
            left = self.left_behind()
            if not left or time.monotonic() > give_up:
                return left
            await asyncio.sleep(0.02)

    def left_behind(self) -> list[str]:
        """Everything of this stage's runs that is still on the machine."""
        word = str(self.folder)
        runs = self.state / "runs"
        found = [f"directory {path}" for path in (runs.iterdir() if runs.is_dir() else ())]
        found += [f"temporary {path}" for path in self.temp.iterdir()]
        found += [f"group {path}" for path in self.groups if path.exists()]
        found += [f"process {pid}: {words}" for pid, words in _processes(word)]
        mounts = Path("/proc/self/mountinfo").read_text().splitlines()
        return found + [f"mount {line}" for line in mounts if word in line]


def _processes(word: str) -> Iterable[tuple[int, str]]:
    """Living processes but ourselves that know `word`, or that we started."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            stat = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
            words = (entry / "cmdline").read_bytes()
            known = words + (entry / "environ").read_bytes() + (entry / "mountinfo").read_bytes()
        except OSError:
            continue
        if stat[0] not in "ZX" and (word.encode() in known or int(stat[1]) == os.getpid()):
            yield int(entry.name), words.replace(b"\0", b" ").decode(errors="replace")


def results(judgement: Judgement) -> dict[str, CheckResult]:
    """The verdicts by check."""
    return {result.check: result for result in judgement.results}


def short_folder() -> Path:
    """A new folder with a short name that other users can walk to."""
    folder = Path(tempfile.mkdtemp(prefix="at-", dir="/tmp"))
    folder.chmod(0o755)
    return folder
