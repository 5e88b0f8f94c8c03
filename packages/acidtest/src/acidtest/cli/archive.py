"""The archive of finished runs: where they are kept, found again, and in the end forgotten.

    <state>/reports/<run>/judgement.json  report.html  request.json  [kept]

`<state>/runs` is the grader's own: it ends and removes there whatever has no living owner.
"""

import re
import shutil
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from acidtest.core.errors import UsageError
from acidtest.core.judgement import Judgement
from acidtest.grader.reports import read_json, write_html, write_json
from acidtest.grader.request import GradeRequest

MAX_RUNS = 50
"""Runs remembered; the oldest beyond it are forgotten unless they were kept."""

JUDGEMENT = "judgement.json"
PAGE = "report.html"
REQUEST = "request.json"
KEPT = "kept"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


class Finding(NamedTuple):
    """One check of one kept judgement, and how to run it again."""

    judgement: Judgement
    check: str
    request: GradeRequest | None
    """None when only the judgement is left."""


class Archive:
    """The finished runs below the state folder `state`."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.folder = state / "reports"

    def add(self, judgement: Judgement, request: GradeRequest, *, keep: bool = False) -> Path:
        """Store a finished run and return its folder; forgets the oldest ones."""
        folder = self.folder / judgement.run
        folder.mkdir(parents=True, exist_ok=True)
        # The request may name an address with a password in it.
        folder.chmod(0o700)
        write_json(judgement, folder / JUDGEMENT)
        write_html(judgement, folder / PAGE)
        (folder / REQUEST).write_text(request.model_dump_json(indent=2), encoding="utf-8")
        if keep:
            (folder / KEPT).touch()
        self._forget()
        return folder

    def runs(self) -> list[str]:
        """The ids of all runs, the newest first."""
        if not self.folder.is_dir():
            return []
        found = (entry for entry in self.folder.iterdir() if (entry / JUDGEMENT).is_file())
        return sorted((entry.name for entry in found), reverse=True)

    def find(self, text: str) -> Finding:
        """Return the finding that `text` names.

        Args:
            text: `<judgement.json>#<check>`, `<run>/<check>`, or `<check>` of the newest run.

        Raises:
            UsageError: there is no such run, or no such check in it.
        """
        if "#" in text:
            file, _, check = text.rpartition("#")
            return self._finding(Path(file), check)
        run, _, check = text.rpartition("/")
        if not run:
            run = self._newest_with(check)
        if not _NAME.fullmatch(run):
            raise UsageError(f"{run!r} is no run; a run looks like 20260131-101500-0a1b2c.")
        if run not in self.runs():
            raise UsageError(self._no_run(run))
        return self._finding(self.folder / run / JUDGEMENT, check)

    def judgement(self, text: str) -> Judgement:
        """Return the judgement that `text` names: a file, or a kept run.

        Raises:
            UsageError: there is none.
        """
        path = Path(text)
        if not path.is_file():
            if text not in self.runs():
                raise UsageError(f"{text} is neither a file nor a kept run.")
            path = self.folder / text / JUDGEMENT
        return read_json(path)

    def _finding(self, path: Path, check: str) -> Finding:
        judgement = read_json(path)
        known = {info.id for info in judgement.checks}
        if check not in known:
            found = ", ".join(info.id for info, _ in judgement.failures) or "none"
            raise UsageError(f"No check {check!r} in run {judgement.run}; its findings: {found}.")
        return Finding(judgement, check, _read_request(path.with_name(REQUEST)))

    def _newest_with(self, check: str) -> str:
        for run in self.runs():
            judgement = read_json(self.folder / run / JUDGEMENT)
            if any(info.id == check for info in judgement.checks):
                return run
        raise UsageError(
            f"No kept run has a check {check!r}. Grade something first, or name a file: "
            "acidtest replay judgement.json#CHECK"
        )

    def _no_run(self, run: str) -> str:
        newest = self.runs()[:3]
        known = f"the newest are {', '.join(newest)}" if newest else "none is kept yet"
        return f"No run {run} in {self.folder}; {known}."

    def _forget(self) -> None:
        for run in self.runs()[MAX_RUNS:]:
            folder = self.folder / run
            if not (folder / KEPT).exists():
                shutil.rmtree(folder, ignore_errors=True)


def _read_request(path: Path) -> GradeRequest | None:
    try:
        return GradeRequest.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
