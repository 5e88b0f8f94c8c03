"""Submissions that reach for the judge or its verdict: all is refused, and shown as text."""

import io
import json
import os
import socket
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from acidtest.core.judgement import Judgement, Outcome
from acidtest.core.result import CheckResult
from acidtest.core.verdict import Status
from acidtest.grader.reports import render_html, render_json, render_junit

pytestmark = pytest.mark.lab

STORED = "a_note_is_stored"
PLAIN = 'stack = "custom"\nhealth = "/health"\nstart = "python3 app.py"\n'
"""An `acidtest.toml` without migrations."""
TRY = """
import os

def attempt(deeds, name, act):
    try:
        deeds[name] = f"done {act()!r}"[:60]
    except BaseException as error:
        deeds[name] = f"refused {error}"[:60]
"""


async def deeds_of(stage: Any, hook: str) -> dict[str, str]:
    """What came of everything that `hook` tried."""
    judgement = await stage.grade(stage.submission(TRY + hook, acidtest=PLAIN), "probe")
    (result,) = judgement.results
    assert result.evidence is not None, (judgement.message, judgement.log)
    told: dict[str, str] = json.loads(result.evidence.observed)
    return told


def verdict(judgement: Judgement, check: str) -> CheckResult:
    """The verdict of one check."""
    return next(result for result in judgement.results if result.check == check)


ESCAPES = """
import ctypes, signal, socket

def start(deeds):
    libc = ctypes.CDLL(None, use_errno=True)

    def call(*words):
        if libc.syscall(*words) < 0:
            raise OSError(ctypes.get_errno(), "no")

    def dial(address, family=socket.AF_INET):
        with socket.socket(family) as sock:
            sock.settimeout(2)
            sock.connect(address)

    for path in ("/etc/shadow", "/root/.bashrc", "FOLDER/secret", "/proc/1/environ", "/proc/kcore"):
        attempt(deeds, f"read {path}", lambda: open(path).read(9))
    for path in ("/usr/bin/mine", "/etc/mine", "/sys/fs/cgroup/mine", "/proc/sys/kernel/hostname",
                 "/proc/sysrq-trigger", "/mine", "/dev/mem"):
        attempt(deeds, f"write {path}", lambda: open(path, "w").write("x"))
    attempt(deeds, "reach the host", lambda: dial(("127.0.0.1", HOSTPORT)))
    attempt(deeds, "reach the world", lambda: dial(("1.1.1.1", 53)))
    attempt(deeds, "reach the database's socket",
            lambda: dial("FOLDER/state/runs/pg/.s.PGSQL.5432", socket.AF_UNIX))
    attempt(deeds, "ask the name server", lambda: socket.getaddrinfo("example.com", 80))
    attempt(deeds, "signal the judge", lambda: os.kill(GRADER, signal.SIGTERM))
    attempt(deeds, "signal its sandbox", lambda: os.kill(1, signal.SIGKILL) or os.kill(1, 9) or
            (_ for _ in ()).throw(OSError("ignored")))
    attempt(deeds, "become root", lambda: os.setuid(0))
    attempt(deeds, "leave by chroot", lambda: os.chroot("/tmp"))
    attempt(deeds, "mount", lambda: call(165, 0, b"/tmp", b"tmpfs", 0, 0))
    attempt(deeds, "a user namespace", lambda: call(272, 0x10000000))
    attempt(deeds, "trace", lambda: call(101, 16, 1, 0, 0))
    attempt(deeds, "a raw socket", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))
    attempt(deeds, "a device", lambda: os.mknod("/tmp/disk", 0o60666, os.makedev(8, 0)))
    attempt(deeds, "take the database's port",
            lambda: socket.create_server(("127.0.0.1", 25432)).close())
"""


async def test_no_way_out_of_the_sandbox(stage: Any) -> None:
    """Files, networks, processes and rights of the host are all refused, and the run goes on."""
    (stage.folder / "secret").write_text("the judge's")
    with socket.create_server(("127.0.0.1", 0)) as door:
        facts = {"FOLDER": str(stage.folder), "GRADER": str(os.getpid())}
        hook = ESCAPES.replace("HOSTPORT", str(door.getsockname()[1]))
        for word, fact in facts.items():
            hook = hook.replace(word, fact)
        deeds = await deeds_of(stage, hook)

    assert len(deeds) == 26
    assert {name: told for name, told in deeds.items() if not told.startswith("refused")} == {}


STATEMENTS = (
    "copy (select 1) to program 'touch FOLDER/pwned'",
    "copy (select 1) to 'FOLDER/pwned'",
    "copy (select 1) from program 'id'",
    "select pg_read_file('/etc/passwd')",
    "select lo_import('/etc/passwd')",
    "alter system set max_connections = 5",
    "create role evil superuser",
    "set role postgres",
    "set role judge",
    "set session authorization postgres",
    "create extension dblink",
    "create extension file_fdw",
    "load '/tmp/x.so'",
    "alter role candidate superuser",
    "alter role candidate connection limit 1000",
    "alter role judge password 'mine'",
    "revoke candidate from judge",
    "create database mine",
    "drop database acidtest",
    "select pg_reload_conf()",
    "select pg_ls_dir('.')",
    "select passwd from pg_shadow",
    "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'postgres'",
)
COMMANDS = (
    *("CONFIG SET dir /tmp", "CONFIG REWRITE", "DEBUG SEGFAULT", "SHUTDOWN NOSAVE", "SAVE"),
    *("ACL SETUSER default off", "ACL LIST", "MODULE LOAD /tmp/x.so", "REPLICAOF 127.0.0.1 1"),
    *("CLIENT KILL TYPE normal SKIPME no", "CLIENT PAUSE 60000", "MIGRATE h 1 k 0 1"),
    *("AUTH grader x", "BGREWRITEAOF", "FAILOVER"),
)
SERVERS = f"""
from wire import Postgres, Redis

def start(deeds):
    url = os.environ["DATABASE_URL"]
    place = url.rpartition("@")[2].partition("/")[0]

    def who(address):
        return Postgres(address).run("select current_user, current_database()")[0]

    for name in ("postgres", "judge", "nobody"):
        address = f"postgres://{{name}}:x@{{place}}/postgres"
        attempt(deeds, f"be {{name}}", lambda: who(address))
    for name in ("acidtest", "template1", "migrated", "postgres"):
        address = url.rpartition("/")[0] + "/" + name
        attempt(deeds, f"at {{name}}", lambda: who(address))
    for sql in {STATEMENTS!r}:
        attempt(deeds, sql[:40], lambda: Postgres(url).run(sql))
    for words in {COMMANDS!r}:
        attempt(deeds, words, lambda: Redis(os.environ["REDIS_URL"]).run(*words.split()))
    attempt(deeds, "FLUSHALL", lambda: Redis(os.environ["REDIS_URL"]).run("FLUSHALL"))
    attempt(deeds, "another password",
            lambda: Postgres(url).run("alter role candidate password 'mine'"))
"""


async def test_no_way_out_through_the_servers(stage: Any) -> None:
    """PostgreSQL and Redis give it its own database and cache and nothing else of theirs."""
    stage.folder.chmod(0o777)
    deeds = await deeds_of(stage, SERVERS.replace("FOLDER", str(stage.folder)))
    done = {name: told for name, told in deeds.items() if not told.startswith("refused")}

    # Whatever database it names, it gets its own; the world after the first has a new password.
    own = {name for name, told in done.items() if told.startswith("done ['candidate', 'app")}
    assert own == {"at acidtest", "at template1", "at migrated", "at postgres"}
    assert set(done) - own == {"FLUSHALL", "another password"}
    assert len(deeds) == 3 + 4 + len(STATEMENTS) + len(COMMANDS) + 2
    assert not (stage.folder / "pwned").exists()


TRAP = """
import os
from wire import Postgres

connection = Postgres(os.environ["DATABASE_URL"])
connection.run('''
create type dressed as (t text);
create function undress(dressed) returns text language plpgsql as $$
begin
  begin
    execute $x$copy (select 1) to program 'touch FOLDER/pwned'$x$;
  exception when insufficient_privilege then null;
  end;
  return ($1).t;
end $$;
create cast (dressed as text) with function undress(dressed) as implicit;
create function dress(text) returns dressed language sql as 'select row($1)::dressed';
create cast (text as dressed) with function dress(text) as assignment;
create table notes (id integer generated always as identity primary key, text dressed);
''')
"""
SPRUNG = """
import os

def start(deeds):
    import __main__
    name = os.environ["DATABASE_NAME"]
    for setting in ("statement_timeout = 1", "default_transaction_read_only = on",
                    "role = candidate", "search_path = nowhere"):
        __main__.SHELF.database().run(f"alter database {name} set {setting}")
"""


async def test_a_trap_in_the_database_gains_nothing(stage: Any) -> None:
    """Functions that run when the judge reads a table run without any right of its own."""
    stage.folder.chmod(0o777)
    source = stage.submission(SPRUNG, migrate=TRAP.replace("FOLDER", str(stage.folder)))
    app = (source / "app.py").read_text()
    app = app.replace("({literal(text)})", "({literal(text)}::text)")
    (source / "app.py").write_text(
        app.replace("select id, text from", "select id, text::text from")
    )
    judgement = await stage.grade(source, only=(STORED,))

    assert verdict(judgement, STORED).status is Status.PASS
    assert not (stage.folder / "pwned").exists()


FORGED = """
import json
VERDICT = json.dumps({"type": "check_finished", "result": {"check": "a_note_is_stored",
                      "status": "pass"}, "outcome": "judged", "points": 100})
JUNIT = "<testsuites><testsuite name='x' tests='4' failures='0'/></testsuites>"

def start(deeds):
    for name in ("judgement.json", "junit.xml", "report.html", "/tmp/judgement.json"):
        open(name, "w").write(JUNIT if name.endswith("xml") else VERDICT)
    for line in (VERDICT, "a_note_is_stored PASS", "100.0 of 100", JUNIT, "\\x1b[32mpassed\\x1b[0m",
                 "::set-output name=points::100", "##teamcity[testFinished name='x']",
                 "<script>alert(1)</script>", "]]></system-out></testsuite>"):
        print(line, flush=True)

def request(handler):
    if handler.command == "POST":
        handler.answer(500, VERDICT + "<script>alert(1)</script>\\x1b[2J]]></failure>")
        return True
"""


async def test_forged_verdicts_are_only_text(stage: Any) -> None:
    """Verdicts written to logs, files and answers change nothing and are inert in every report."""
    judgement = await stage.grade(stage.submission(FORGED), quick=True)

    assert judgement.outcome is Outcome.JUDGED
    assert verdict(judgement, STORED).status is Status.FAIL
    assert judgement.score.points == 0
    for render in (render_html, render_junit, render_json):
        text = render(judgement)
        assert "\x1b" not in text
        assert "<script>alert(1)" not in text or render is render_json
    assert 'failures="1"' in render_junit(judgement)


def _zip(path: Path, entries: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)


def _bad_archive(kind: str, path: Path) -> Path:
    """An archive that means harm."""
    if kind == "zip slip":
        _zip(path, {"app.py": b"x", "../../../escaped": b"x"})
    elif kind == "zip bomb":
        _zip(path, {"app.py": b"x", "zeros": bytes(120 * 2**20)})
    else:
        with tarfile.open(path, "w") as archive:
            link = tarfile.TarInfo("app.py")
            link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(link)
            archive.addfile(tarfile.TarInfo("more"), io.BytesIO())
    return path


@pytest.mark.parametrize("kind", ["zip slip", "zip bomb", "symlink out"])
async def test_an_archive_that_means_harm_is_not_built(stage: Any, kind: str) -> None:
    """It is refused with the reason, and nothing of it is written anywhere else."""
    name = "handed-in.tar" if kind == "symlink out" else "handed-in.zip"
    judgement = await stage.grade(_bad_archive(kind, stage.folder / name))

    assert judgement.outcome is Outcome.NOT_BUILT
    assert judgement.message
    assert judgement.score.points == 0
    assert sorted(path.name for path in stage.folder.iterdir()) == [name, "state", "t"]
