"""The archive of runs: found again by every name, and bounded."""

from pathlib import Path
from types import ModuleType

import pytest

from acidtest.cli import archive as archive_module
from acidtest.cli.archive import Archive
from acidtest.cli.settings import state_folder
from acidtest.core.errors import UsageError
from acidtest.grader.request import GradeRequest

CHECK = "isbn_race_has_one_winner"


@pytest.fixture
def archive(sample: ModuleType, state: Path) -> Archive:
    """An archive with the sample run in it."""
    kept = Archive(state)
    kept.add(sample.judgement(), _request(state))
    return kept


def _request(state: Path) -> GradeRequest:
    return GradeRequest(source="/submission", problem="book-reviews", state=state)


def test_a_finding_is_found_by_every_name(archive: Archive, sample: ModuleType) -> None:
    """A run with a check, a check alone and a file with a check lead to the same finding."""
    file = archive.folder / sample.RUN / "judgement.json"

    found = [archive.find(name) for name in (f"{sample.RUN}/{CHECK}", CHECK, f"{file}#{CHECK}")]

    assert found[0] == found[1] == found[2]
    assert found[0].check == CHECK
    assert found[0].request == _request(archive.state)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"20000101-000000-abc/{CHECK}", "No run 20000101-000000-abc"),
        (f"../../etc/{CHECK}", "is no run"),
        (f"/etc/{CHECK}", "is no run"),
        ("20261121-101512-7f3a/no_such_check", "its findings: list_statements_stay_level"),
        ("no_such_check", "No kept run has a check"),
        (f"/nowhere/judgement.json#{CHECK}", "cannot be read"),
    ],
)
def test_what_is_not_there_is_said(archive: Archive, text: str, message: str) -> None:
    """A name that leads nowhere is refused with what there is instead."""
    with pytest.raises(UsageError, match=message):
        archive.find(text)


def test_a_check_alone_means_the_newest_run(archive: Archive, sample: ModuleType) -> None:
    """Of two runs with the same check the later one is taken."""
    later = sample.judgement().model_copy(update={"run": "20261122-000000-0000"})
    archive.add(later, _request(archive.state))

    assert archive.find(CHECK).judgement.run == "20261122-000000-0000"


def test_old_runs_are_forgotten_unless_kept(
    sample: ModuleType, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the limit the oldest go, but never one that was kept."""
    monkeypatch.setattr(archive_module, "MAX_RUNS", 2)
    archive = Archive(state)

    for number in range(5):
        judgement = sample.judgement().model_copy(update={"run": f"run-{number}"})
        archive.add(judgement, _request(state), keep=number == 0)

    assert archive.runs() == ["run-4", "run-3", "run-0"]


def test_only_the_user_may_read_a_run(archive: Archive, sample: ModuleType) -> None:
    """The folder of a run is private: its request may name an address with a password."""
    assert (archive.folder / sample.RUN).stat().st_mode & 0o077 == 0


def test_the_state_folder_follows_the_environment() -> None:
    """ACIDTEST_STATE wins over XDG_STATE_HOME, a relative one of which is ignored."""
    assert state_folder({"ACIDTEST_STATE": "/a", "XDG_STATE_HOME": "/b"}) == Path("/a")
    assert state_folder({"XDG_STATE_HOME": "/b"}) == Path("/b/acidtest")
    assert state_folder({"XDG_STATE_HOME": "b"}) == Path.home() / ".local/state/acidtest"
