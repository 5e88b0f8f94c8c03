"""What the tests of the command share: a state folder, a fixed width, and a played-back run."""

import importlib.util
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest

from acidtest.cli import main, wiring
from acidtest.core.events import Listener
from acidtest.core.judgement import Judgement
from acidtest.grader.request import GradeRequest

_SAMPLE = Path(__file__).parents[1] / "grader" / "reports" / "sample.py"


class Ended(NamedTuple):
    """How a command ended and what it wrote."""

    code: int
    out: str
    err: str


class Player:
    """Plays the sample's events back in place of the grader, and remembers what was asked."""

    def __init__(self, sample: ModuleType) -> None:
        self.sample = sample
        self.requests: list[GradeRequest] = []
        self.judgement: Judgement = sample.judgement()
        self.error: BaseException | None = None

    def play(self, request: GradeRequest, listen: Listener) -> Judgement:
        """Stand in for `wiring.run_quietly`."""
        self.requests.append(request)
        if self.error:
            raise self.error
        events: Iterator[object] = self.sample.events()
        for event in list(events)[:-1]:
            listen(event)  # type: ignore[arg-type]  # the sample is loaded by path, untyped
        listen(self.sample.RunFinished(at=1.0, judgement=self.judgement))
        return self.judgement


@pytest.fixture(scope="session")
def sample() -> ModuleType:
    """The module that builds the sample judgement of the reports' tests."""
    spec = importlib.util.spec_from_file_location("acidtest_cli_sample", _SAMPLE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder of its own, and a terminal that is none, 100 columns wide."""
    for name in ("GITHUB_ACTIONS", "FORCE_COLOR", "PY_COLORS", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "dumb")
    folder = tmp_path / "state"
    monkeypatch.setenv("ACIDTEST_STATE", str(folder))
    return folder


@pytest.fixture
def player(sample: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Player:
    """The grader replaced by the sample's run."""
    playing = Player(sample)
    monkeypatch.setattr(wiring, "run_quietly", playing.play)
    return playing


@pytest.fixture
def acidtest(capfd: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Run the command in this process."""

    def run(*arguments: str) -> Ended:
        words: Sequence[str] = arguments
        with pytest.raises(SystemExit) as ended:
            main(words)
        out, err = capfd.readouterr()
        return Ended(int(ended.value.code or 0), out, err)

    return run


@pytest.fixture
def snapshot(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with the stored one; ACIDTEST_UPDATE_SNAPSHOTS=1 stores it instead."""

    def compare(name: str, text: str) -> None:
        path = request.path.parent / "snapshots" / name
        text = "\n".join(line.rstrip() for line in text.splitlines()).strip() + "\n"
        if os.environ.get("ACIDTEST_UPDATE_SNAPSHOTS") == "1":
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8")

    return compare
