"""Submissions that take what they can get: stopped or judged all the same, in time."""

import functools
from typing import Any

import pytest

from acidtest.core.judgement import Judgement, Outcome
from acidtest.core.result import CheckResult
from acidtest.core.verdict import Owner, Status
from acidtest.grader import engine
from acidtest.grader.lab import lab
from acidtest.grader.lab.disk_bound import bounded_disk

pytestmark = pytest.mark.lab

STORED, LISTED = "a_note_is_stored", "a_note_is_listed"
PLAIN = 'stack = "custom"\nhealth = "/health"\nstart = "python3 app.py"\n'
"""An `acidtest.toml` without migrations."""


def verdict(judgement: Judgement, check: str) -> CheckResult:
    """The verdict of one check."""
    return next(result for result in judgement.results if result.check == check)


HOG_SESSIONS = """
import __main__
from wire import Postgres, RefusedError
KEPT = []

def start(deeds):
    __main__.SHELF.database()
    try:
        for _ in range(300):
            KEPT.append(Postgres(os.environ["DATABASE_URL"]))
    except RefusedError as error:
        print("full", len(KEPT), error, flush=True)
"""


async def test_a_service_that_takes_all_sessions_keeps_nobody_out(stage: Any) -> None:
    """The judge still reads the database, and the service is judged by what it does."""
    judgement = await stage.grade(
        stage.submission("import os\n" + HOG_SESSIONS), only=(STORED, LISTED)
    )

    assert verdict(judgement, STORED).status is Status.PASS
    assert verdict(judgement, LISTED).status is Status.PASS


FILL = """
import os
from wire import Postgres

def start(deeds):
    connection = Postgres(os.environ["DATABASE_URL"], deadline=60)
    connection.run("create table heap (x text)")
    while True:
        connection.run("insert into heap select repeat(md5(n::text), 60)"
                       " from generate_series(1, 20000) as n")
"""


async def test_filling_the_database_ends_the_run(
    stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk behind the database is bounded, and the verdict says what happened."""
    bound = functools.partial(bounded_disk, limit=192 * 2**20)
    monkeypatch.setattr(engine, "bounded_disk", bound)
    judgement = await stage.grade(stage.submission(FILL, acidtest=PLAIN), within=40)

    assert judgement.outcome is Outcome.NOT_STARTED
    assert "filled its database" in judgement.message
    assert {(r.status, r.owner) for r in judgement.results} == {(Status.SKIPPED, Owner.CANDIDATE)}


BOMB = """
import os, time

def start(deeds):
    while True:
        try:
            os.fork()
        except OSError:
            time.sleep(1)
"""
HOG = """
def start(deeds):
    kept = []
    while True:
        kept.append(bytearray(8_000_000))
"""
TAKERS = {"fork bomb": (BOMB, "did not answer"), "memory hog": (HOG, "512 MiB of memory")}


@pytest.mark.parametrize("way", TAKERS)
async def test_who_takes_the_machine_is_stopped(stage: Any, way: str) -> None:
    """Endless processes and endless memory end as not started, with the reason."""
    hook, reason = TAKERS[way]
    judgement = await stage.grade(
        stage.submission(hook, acidtest=PLAIN), ready_seconds=3, within=40
    )

    assert judgement.outcome is Outcome.NOT_STARTED
    assert reason in judgement.message
    assert judgement.score.points == 0


UNRULY = """
import ctypes, os, signal, socket, subprocess, threading
KEPT = []

def start(deeds):
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(15, b"acidtest", 0, 0, 0)
    for place in ("/tmp", "/app", "/dev/shm"):
        subprocess.run(["sh", "-c", f"head -c 300m /dev/zero > {place}/fill; rm {place}/fill"],
                       stderr=subprocess.DEVNULL)
    for port in range(1024, 4000):
        try:
            KEPT.append(socket.create_server(("0.0.0.0", port)))
        except OSError:
            continue
    subprocess.Popen(["yes", "all checks passed"])
    subprocess.Popen(["sh", "-c", "setsid cat /dev/zero & setsid sleep 600 & wait"])
    print("\\x1b]0;owned\\x07\\x1b[2J<script>alert(1)</script>", flush=True)
"""


async def test_an_unruly_service_is_judged_by_what_it_answers(stage: Any) -> None:
    """Full disks, endless output, taken ports, ignored signals and another name cost no verdict."""
    judgement = await stage.grade(stage.submission(UNRULY), only=(STORED, LISTED), within=90)

    assert judgement.outcome is Outcome.JUDGED, judgement.message
    assert {result.status for result in judgement.results} == {Status.PASS}
    assert len(judgement.model_dump_json()) < 500_000


ENDLESS = """
import os

def request(handler):
    if handler.path != "/notes" or handler.command != "GET" or "TINY_GROUP" not in os.environ:
        return False
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(2 * 1024**3))
    handler.end_headers()
    try:
        WAY(handler.wfile)
    except OSError:
        pass
    handler.close_connection = True
    return True

def flood(out):
    for _ in range(32768):
        out.write(b" " * 65536)

def trickle(out):
    import time
    while True:
        out.write(b" ")
        time.sleep(0.2)
"""


@pytest.mark.parametrize("way", ["flood", "trickle"])
async def test_endless_answers_are_cut_and_lose_their_points(stage: Any, way: str) -> None:
    """Two gigabytes at once, or one byte at a time: the check fails within its time."""
    hook = ENDLESS.replace("WAY(", f"{way}(")
    judgement = await stage.grade(stage.submission(hook), only=(STORED, LISTED), within=60)

    assert verdict(judgement, STORED).status is Status.PASS
    listed = verdict(judgement, LISTED)
    assert listed.status in {Status.FAIL, Status.SKIPPED}
    assert listed.owner is Owner.CANDIDATE
    assert len(judgement.model_dump_json()) < 500_000


BUILDS = {
    "hangs": ("trap '' TERM; sleep 600", "took longer than 2 s"),
    "hangs behind a daemon": ("setsid sleep 600 & sleep 600", "took longer than 2 s"),
    "floods": ("yes verdict: pass | head -c 4000000; exit 7", "7"),
}


@pytest.mark.parametrize("way", BUILDS)
async def test_a_build_that_means_harm_is_ended(stage: Any, way: str) -> None:
    """A build that hangs or floods ends in time, as the candidate's to mend."""
    command, reason = BUILDS[way]
    toml = f'{PLAIN}build = "{command}"\n'
    seconds = 20 if way == "floods" else 2
    judgement = await stage.grade(stage.submission(acidtest=toml), build_seconds=seconds, within=40)

    assert judgement.outcome is Outcome.NOT_BUILT
    assert reason in judgement.message + judgement.log
    assert len(judgement.log) < 100_000


async def test_a_migration_without_end_is_ended(
    stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A migration that only writes is ended in time, and the service is judged without it."""
    monkeypatch.setattr(lab, "_MIGRATION_SECONDS", 1.0)
    files = {"migrate": "while True: print('verdict: pass')\n"}
    judgement = await stage.grade(stage.submission(**files), only=(STORED,), within=60)

    assert judgement.outcome is Outcome.JUDGED
    assert verdict(judgement, STORED).status is Status.FAIL
