"""A load inside a whole run: in the sandbox, on two instances, with its figures as evidence."""

import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from acidtest.core.events import Progress
from acidtest.core.verdict import Owner, Status

pytestmark = pytest.mark.lab
HERE = Path(__file__).parent
SLUG = "loaded"
GENEROUS = {"percentile": 50, "limit_ms": 2_000, "error_share": 0.1}
"""Every service keeps it, even on a machine that is busy with much else."""
SLOW = """
import time

def start(deeds):
    pass

def request(handler):
    if handler.path == "/notes" and handler.command == "GET":
        time.sleep(0.4)
    return False
"""


@pytest.fixture
def catalogue(stage: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalogue whose only problem is asked under load."""
    folder: Path = stage.folder / "catalogue"
    package = folder / "problems" / SLUG
    package.mkdir(parents=True)
    facts = yaml.safe_load((HERE.parent / "tiny" / "problem.yaml").read_text())
    group = {"name": "load", "title": "Load", "weight": 1, "replicas": 2, "quick": False}
    load = {"rate": 40, "seconds": 1.5, "warm_up": 0.5, "objective": GENEROUS}
    facts |= {"slug": SLUG, "groups": [group], "loads": {"mixed": load}}
    (package / "problem.yaml").write_text(yaml.safe_dump(facts))
    shutil.copytree(HERE / SLUG / "checks", package / "checks")
    monkeypatch.setenv("ACIDTEST_CATALOGUE", str(folder))
    return folder


async def test_a_pass_under_load_shows_its_figures(
    stage: Any, staging: ModuleType, catalogue: Path
) -> None:
    """What kept the objective has the figures, the fault and the calibration as evidence."""
    assert catalogue.is_dir()
    judgement = await stage.grade(stage.submission(), SLUG)

    result = staging.results(judgement)["notes_are_quick_under_load"]
    assert result.status is Status.PASS, result.message
    assert result.evidence
    (record,) = result.evidence.loads
    assert (record.name, record.requests, record.failed) == ("slowed", 60, 0)
    assert record.figures == {"milliseconds added": 1.0}
    assert [figures.name for figures in record.by_request] == ["list_notes", "create_note"]
    assert [mark.target for mark in record.marks] == ["postgres"]
    assert not [
        event for event in stage.events if isinstance(event, Progress) and "$" in event.text
    ]


async def test_a_service_that_is_slow_by_itself_fails(
    stage: Any, staging: ModuleType, catalogue: Path
) -> None:
    """A service that sleeps keeps no objective; a busy machine may make it void, never a pass."""
    path = catalogue / "problems" / SLUG / "problem.yaml"
    facts = yaml.safe_load(path.read_text())
    facts["loads"]["mixed"]["objective"]["limit_ms"] = 150
    path.write_text(yaml.safe_dump(facts))

    judgement = await stage.grade(stage.submission(SLOW), SLUG)

    result = staging.results(judgement)["notes_are_quick_under_load"]
    assert result.tries == 2
    assert (result.status, result.owner) in {
        (Status.FAIL, Owner.CANDIDATE),
        (Status.VOID, Owner.INFRASTRUCTURE),
    }
    assert result.evidence
