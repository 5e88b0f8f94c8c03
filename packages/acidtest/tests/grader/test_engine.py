"""The engine from end to end on a correct service and on services that are merely wrong."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from acidtest.core.errors import HarnessError, UsageError
from acidtest.core.events import CheckFinished, Event, RunFinished, RunStarted, StageFinished
from acidtest.core.judgement import Judgement, Outcome
from acidtest.core.verdict import Owner, Status
from acidtest.grader import reading

pytestmark = pytest.mark.lab

STORED, LISTED, WARM, KILLED = (
    "a_note_is_stored",
    "a_note_is_listed",
    "a_warm_list_needs_no_sql",
    "a_note_survives_a_kill",
)
PLAIN = 'stack = "custom"\nhealth = "/health"\n'
"""The start of an `acidtest.toml` without migrations."""
SWALLOWED = """

def forgotten(go):
    try:
        go()
    except Exception:
        pass
"""


def verdicts(judgement: Judgement) -> dict[str, str]:
    """Statuses by check."""
    return {result.check: result.status.value for result in judgement.results}


def types(events: Sequence[Event]) -> list[str]:
    """Kinds of events without the talk between them."""
    return [event.type for event in events if event.type != "progress"]


async def test_a_correct_service_earns_everything(stage: Any) -> None:
    """All checks pass, events come in order, and the judgement says of what it was made."""
    judgement = await stage.grade(stage.submission(), seed=7)

    assert judgement.outcome is Outcome.JUDGED, judgement.message
    assert set(verdicts(judgement).values()) == {"pass"}
    assert set(verdicts(judgement)) == {STORED, LISTED, WARM, KILLED}
    assert judgement.score.points == 100
    assert judgement.options.seed == 7
    assert judgement.options.isolated
    assert judgement.environment["postgresql"][0].isdigit()
    assert judgement.environment["driver"] == "bwrap"
    assert len(judgement.submission.digest) == 64
    assert Judgement.model_validate_json(judgement.model_dump_json()) == judgement
    assert isinstance(stage.events[0], RunStarted)
    stages = [e.stage for e in stage.events if isinstance(e, StageFinished)]
    # Its files are read while it is built, so that nobody can say which ends first.
    assert sorted(stages) == ["build", "checks", "intake", "migrate", "read", "start"]
    checks = [e.result.check for e in stage.events if isinstance(e, CheckFinished)]
    assert checks == [STORED, LISTED, WARM, KILLED]
    assert stage.events[-1] == RunFinished(at=stage.events[-1].at, judgement=judgement)
    assert [e.at for e in stage.events] == sorted(e.at for e in stage.events)
    assert len(stage.groups) > 0


async def test_the_code_is_judged_beside_the_behaviour(stage: Any) -> None:
    """A right service with a swallowed error keeps its behaviour's points and loses others."""
    source = stage.submission()
    clean = await stage.grade(source, quick=True)
    with (source / "app.py").open("a") as app:
        app.write(SWALLOWED)
    careless = await stage.grade(source, quick=True)

    assert careless.score.points == clean.score.points == 100
    known = {finding.rule for finding in clean.findings}
    assert {f.rule for f in careless.findings} - known >= {"errors.swallowed"}
    assert careless.assessment.points < clean.assessment.points
    (finding,) = (f for f in careless.findings if f.rule == "errors.swallowed")
    assert finding.place.file == "app.py"
    assert any(finding.id in area.costs for area in careless.assessment.areas)


async def test_what_cannot_be_built_is_still_read(stage: Any) -> None:
    """A mistake in the build does not hide what the files say."""
    source = stage.submission()
    (source / "acidtest.toml").write_text(PLAIN + 'start = "python3 app.py"\nbuild = "false"\n')

    judgement = await stage.grade(source)

    assert judgement.outcome is Outcome.NOT_BUILT
    assert {mark.criterion for mark in judgement.marks} >= {"code.errors", "code.complexity"}


async def test_a_stage_that_breaks_costs_nothing_and_says_so(
    stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tool of ours that fails is no finding: what it would have marked is not assessed."""

    async def broken(*_: object) -> None:
        raise HarnessError("the linter fell over")

    monkeypatch.setattr(reading, "STAGES", {"code quality": broken})

    judgement = await stage.grade(stage.submission(), quick=True)

    assert judgement.score.points == 100
    assert judgement.assessment.points == 100
    assert not judgement.findings
    assert any("the linter fell over" in note for note in judgement.stage_notes)


async def test_a_failed_check_shows_what_happened_on_one_clock(stage: Any) -> None:
    """Requests, statements, commands and log lines of a lost point are there, in order."""
    source = stage.submission()
    app = source / "app.py"
    app.write_text(app.read_text().replace('"GET", KEY)', '"GET", "elsewhere")'))
    judgement = await stage.grade(source, quick=True)

    assert verdicts(judgement) == {STORED: "pass", LISTED: "pass", WARM: "fail"}
    (result,) = (r for r in judgement.results if r.check == WARM)
    assert result.owner is Owner.CANDIDATE
    assert result.evidence is not None
    moments = result.evidence.timeline
    assert {"http", "sql", "redis", "log"} <= {moment.type for moment in moments}
    assert [moment.at for moment in moments] == sorted(moment.at for moment in moments)
    assert len(result.evidence.curl) == 3
    assert all(line.startswith("curl ") for line in result.evidence.curl)
    assert {m.replica for m in moments if m.type == "http"} == {"replica-1", "replica-2"}
    assert 0 < (judgement.score.points or 0) < 100


async def test_one_check_alone_and_a_dry_run(stage: Any) -> None:
    """`only` asks what it names, a dry run nothing; a strange name is the person's slip."""
    source = stage.submission()
    alone = await stage.grade(source, only=(LISTED,))
    assert verdicts(alone) == {LISTED: "pass"}

    dry = await stage.grade(source, dry_run=True)
    assert dry.outcome is Outcome.JUDGED
    assert dry.results == ()
    assert dry.dialect["list_notes"].startswith("GET /notes")
    assert "ignores" not in " ".join(dry.submission.notes)

    with pytest.raises(UsageError, match="no check nonsense"):
        await stage.grade(source, only=("nonsense",))


async def test_the_same_seed_draws_the_same_values(stage: Any) -> None:
    """Two runs with one seed send the same bodies, one with another seed others."""
    source = stage.submission(
        "def request(handler):\n"
        "    if handler.command == 'POST': return handler.answer(500, '{}') or True\n"
    )
    sent = []
    for seed in (1, 1, 2):
        judgement = await stage.grade(source, only=(STORED,), seed=seed)
        (result,) = judgement.results
        assert result.status is Status.FAIL, result
        sent.append([m.request_body for m in result.evidence.timeline if m.type == "http"])
    assert sent[0] == sent[1]
    assert sent[0] != sent[2]


HARD_CODED = f"""{PLAIN}
start = "python3 app.py"
migrate = "python3 migrate.py"

[env]
DATABASE_URL = "postgresql://me:guessed@{{database}}/mine"
REDIS_URL = "redis://:guessed@{{cache}}/3"
"""


@pytest.mark.parametrize(
    ("database", "cache"), [("localhost:5432", "localhost:6379"), ("postgres:5432", "redis:6379")]
)
async def test_hard_coded_addresses_work_and_are_told(
    stage: Any, database: str, cache: str
) -> None:
    """Whatever it hard-codes leads to its own database and cache, and the judgement says so."""
    toml = HARD_CODED.format(database=database, cache=cache)
    judgement = await stage.grade(stage.submission(acidtest=toml), quick=True)

    assert set(verdicts(judgement).values()) == {"pass"}
    notes = " ".join(judgement.submission.notes)
    assert "ignores DATABASE_URL" in notes
    assert "ignores REDIS_URL" in notes


FALLS = """
import os

def request(handler):
    if handler.command == "GET" and "TINY_GROUP" in os.environ and handler.path == "/notes":
        import __main__
        handler.answer(200, __main__.SHELF.notes())
        handler.wfile.flush()
        os._exit(3)
"""


async def test_a_service_that_falls_during_a_check_fails_it(stage: Any) -> None:
    """An answer does not save a service whose process then ends by itself."""
    judgement = await stage.grade(stage.submission(FALLS), only=(WARM,))

    (result,) = judgement.results
    assert result.status is Status.FAIL
    assert result.owner is Owner.CANDIDATE
    assert "ended during this check" in result.message


ONLY_V6 = """
import socket

def start(deeds):
    with socket.create_server(("::1", 8000), family=socket.AF_INET6) as door:
        while True:
            door.accept()
"""
DAEMON = """
import os

def start(deeds):
    if os.fork():
        os._exit(0)
    os.setsid()
    if os.fork():
        os._exit(0)
"""
NOT_STARTED = {
    "never listens": ("import time\ndef start(deeds): time.sleep(600)\n", "did not answer"),
    "exits": ("def start(deeds): raise KeyError('last words')\n", "exit code 1"),
    "another port": (
        "import os\ndef start(deeds): os.environ['PORT'] = '8123'\n",
        "listen on 0.0.0.0:$PORT",
    ),
    "only ::1": (ONLY_V6, "listen on 0.0.0.0:$PORT"),
    "daemonises": (DAEMON, "stay in the foreground"),
}


@pytest.mark.parametrize("way", NOT_STARTED)
async def test_a_service_that_does_not_start_is_told_why(stage: Any, way: str) -> None:
    """Each way of not starting ends soon, as the candidate's to mend, with a reason."""
    hook, reason = NOT_STARTED[way]
    toml = f'{PLAIN}start = "python3 app.py"\n'
    judgement = await stage.grade(stage.submission(hook, acidtest=toml), ready_seconds=2)

    assert judgement.outcome is Outcome.NOT_STARTED
    assert reason in judgement.message
    assert {(r.status, r.owner) for r in judgement.results} == {(Status.SKIPPED, Owner.CANDIDATE)}
    assert judgement.score.points == 0
    assert way != "exits" or "KeyError: 'last words'" in judgement.log


NOT_BUILT = {
    "the build fails": ({"acidtest": f'{PLAIN}start = "x"\nbuild = "echo no; exit 3"\n'}, "3"),
    "it is not recognised": ({"acidtest": None, "app": None, "wire": None, "migrate": None}, ""),
    "a strange key": ({"acidtest": f'{PLAIN}start = "x"\nstrat = "y"\n'}, "strat"),
}


@pytest.mark.parametrize("way", NOT_BUILT)
async def test_what_cannot_be_built_is_told(stage: Any, way: str) -> None:
    """It ends as not built, the candidate's to mend, with a reason and no points."""
    files, reason = NOT_BUILT[way]
    source: Path = stage.submission(**files)
    if way == "it is not recognised":
        (source / "README").write_text("nothing here")
    judgement = await stage.grade(source)

    assert judgement.outcome is Outcome.NOT_BUILT
    assert judgement.message
    assert reason in judgement.message + judgement.log
    assert judgement.score.points == 0


async def test_a_migration_that_fails_is_a_fact_and_no_end(stage: Any) -> None:
    """The service is judged all the same, and what rests on its tables is lost."""
    files = {"migrate": "raise SystemExit('no such table')\n"}
    judgement = await stage.grade(stage.submission(**files), quick=True)

    assert judgement.outcome is Outcome.JUDGED
    assert verdicts(judgement)[STORED] == "fail"
    assert verdicts(judgement)[LISTED] == "skipped"


async def test_a_folder_that_is_not_there_is_the_persons_slip(stage: Any) -> None:
    """A wrong path is no verdict on anybody."""
    with pytest.raises(UsageError, match="no folder, archive or repository"):
        await stage.grade(stage.folder / "nowhere")


async def test_an_archive_is_judged_like_its_folder(stage: Any) -> None:
    """A zip of the service is the same submission."""
    source = stage.submission()
    archive = shutil.make_archive(str(stage.folder / "handed-in"), "zip", source)
    judgement = await stage.grade(Path(archive), only=(STORED,))

    assert verdicts(judgement) == {STORED: "pass"}
    assert judgement.submission.label == "handed-in"


TRIPS = """
import os, sys
from wire import Postgres


def start(deeds):
    rows = Postgres(os.environ["DATABASE_URL"]).run(
        "insert into notes (text) values ('begun') returning id"
    )
    if rows[0][0] == "2":
        sys.exit(3)


def request(handler):
    return False
"""


async def test_an_instance_that_trips_over_its_twin_is_started_again(stage: Any) -> None:
    """One of two instances that falls while both start is started once more, and all is judged."""
    judgement = await stage.grade(stage.submission(TRIPS), only=(STORED, WARM))

    assert verdicts(judgement)[WARM] == "pass", judgement.results
