import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest
import pytest_asyncio

from acidtest.core.errors import InfrastructureError
from acidtest.grader.lab.postgres import Cluster, PlanUnavailableError, PostgresBinaries

pytestmark = [pytest.mark.lab, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(loop_scope="module")
async def candidate(cluster: Cluster) -> AsyncIterator[Any]:
    """A connection with the candidate's rights and a table of a thousand rows."""
    connection = await cluster.connect()
    await connection.execute("DROP TABLE IF EXISTS item")
    await connection.execute(
        "CREATE TABLE item AS SELECT g AS id, g % 100 AS kind, 'n' || g AS name"
        " FROM generate_series(1, 1000) AS g"
    )
    yield connection
    connection.terminate()


async def test_candidate_owns_its_database_and_nothing_else(
    cluster: Cluster, candidate: Any
) -> None:
    """It may make schemas and trusted extensions, but reach neither files nor other databases."""
    await candidate.execute("CREATE EXTENSION IF NOT EXISTS pgcrypto")
    await candidate.execute("CREATE SCHEMA IF NOT EXISTS s")
    for forbidden in (
        "COPY item TO PROGRAM 'true'",
        "SELECT pg_read_file('/etc/passwd')",
        "CREATE DATABASE other",
        "CREATE ROLE other SUPERUSER",
        "ALTER SYSTEM SET fsync = on",
        "CREATE EXTENSION pg_stat_statements",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await candidate.execute(forbidden)
    others = await candidate.fetch("SELECT datname FROM pg_database WHERE datname <> $1", "app")
    assert {row["datname"] for row in others} == {"acidtest", "template0"}
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await cluster.connect("acidtest")
    with pytest.raises(asyncpg.ObjectNotInPrerequisiteStateError):
        await cluster.connect("template0")


async def test_candidate_needs_its_password(cluster: Cluster) -> None:
    """The candidate's role is closed without the password that was made for this cluster."""
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(
            host=str(cluster.socket_dir), port=cluster.port, user="candidate",
            database=cluster.database, password="guess",
        )  # fmt: skip


async def test_only_a_private_socket_is_open(cluster: Cluster) -> None:
    """The server listens on no TCP port, and its socket's folder is closed to others."""
    server = psutil.Process(cluster.pid)
    assert server.net_connections("inet") == []
    for child in server.children():
        # Background workers come and go while they are looked at.
        with contextlib.suppress(psutil.NoSuchProcess):
            assert child.net_connections("inet") == []
    assert cluster.socket_dir.stat().st_mode & 0o077 == 0
    assert psutil.Process(cluster.pid).uids().real != 0


async def test_databases_come_and_go(cluster: Cluster, candidate: Any) -> None:
    """A copy has its template's rows, belongs to the candidate, and is dropped while in use."""
    candidate.terminate()
    await cluster.disconnect(cluster.database)
    await cluster.create_database("copy", template=cluster.database)
    connection = await cluster.connect("copy")
    assert await connection.fetchval("SELECT count(*) FROM item") == 1000
    await connection.execute("DROP TABLE item")
    await cluster.drop_database("copy")
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, ConnectionError)):
        await connection.fetchval("SELECT 1")
    await cluster.drop_database("copy")
    with pytest.raises(ValueError, match="no plain database name"):
        await cluster.create_database('x"; DROP DATABASE app; --')


async def test_statements_are_counted_per_database(cluster: Cluster, candidate: Any) -> None:
    """The server's own count names calls, rows and pages of what the candidate ran, until reset."""
    if not cluster.has_statements:
        pytest.skip("this PostgreSQL has no pg_stat_statements")
    await cluster.reset_statements()
    for kind in (1, 2, 3):
        await candidate.fetch("SELECT name FROM item WHERE kind = $1", kind)
    (seen,) = [s for s in await cluster.statements() if "FROM item" in s.query]
    assert (seen.calls, seen.rows) == (3, 30)
    assert seen.blocks > 0
    await cluster.reset_statements()
    assert not [s for s in await cluster.statements() if "FROM item" in s.query]


async def test_explain_tells_a_missing_index_from_an_unused_one(
    cluster: Cluster, candidate: Any
) -> None:
    """Without an index the plan reads the whole table though forbidden to; with one it does not."""
    sql = "SELECT name FROM item WHERE kind = $1 ORDER BY id LIMIT 5"
    without = await cluster.explain(cluster.database, sql, ["7"], full_scans=False)
    assert [scan["Relation Name"] for scan in without.full_scans("item")] == ["item"]
    assert without.rows_removed == 990
    await candidate.execute("CREATE INDEX ON item (kind); ANALYZE item")
    having = await cluster.explain(cluster.database, sql, ["7"], full_scans=False)
    assert having.cost < without.cost
    assert having.full_scans() == []
    assert "Index" in having.text


async def test_explain_leaves_nothing_behind(cluster: Cluster, candidate: Any) -> None:
    """A write that is explained was run and rolled back; hostile texts stay one statement."""
    plan = await cluster.explain(cluster.database, "DELETE FROM item WHERE id = $1", ["1"])
    assert plan.root["Node Type"] == "ModifyTable"
    for hostile in (
        "SELECT 1; DROP TABLE item",
        "COMMIT",
        "SELECT $1; DROP TABLE item",
        "SELECT pg_read_file('/etc/passwd')",
    ):
        with pytest.raises(PlanUnavailableError):
            await cluster.explain(cluster.database, hostile, ["1"] if "$1" in hostile else [])
    quoted = "SELECT name FROM item WHERE name = $1"
    harmless = await cluster.explain(cluster.database, quoted, ["'); DROP TABLE item; --\\"])
    assert harmless.rows == 0
    assert await candidate.fetchval("SELECT count(*) FROM item") == 1000


async def test_explain_has_a_deadline(cluster: Cluster) -> None:
    """A statement that never ends is given up, as unavailable."""
    with pytest.raises(PlanUnavailableError):
        await cluster.explain(cluster.database, "SELECT pg_sleep(60)", timeout=0.2)


async def test_kill_keeps_what_was_acknowledged(cluster: Cluster, candidate: Any) -> None:
    """After a power cut every acknowledged row is there, and no process of the old server is."""
    for number in range(50):
        await candidate.execute("INSERT INTO item VALUES ($1, 0, 'x')", 2000 + number)
    family = [psutil.Process(cluster.pid), *psutil.Process(cluster.pid).children()]
    await cluster.kill()
    assert not [p for p in family if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
    assert not cluster.running
    await cluster.restart()
    again = await cluster.connect()
    assert await again.fetchval("SELECT count(*) FROM item WHERE id >= 2000") == 50
    await again.close()


async def test_files_are_measured(cluster: Cluster, candidate: Any) -> None:
    """What a candidate writes shows in the size of the cluster."""
    before = await cluster.disk_bytes()
    await candidate.execute(
        "CREATE TABLE fat AS SELECT repeat(md5(g::text), 30) AS v FROM generate_series(1, 9000) g"
    )
    await candidate.execute("CHECKPOINT") if await _may_checkpoint(candidate) else None
    assert await cluster.disk_bytes() - before > 500_000
    await candidate.execute("DROP TABLE fat")


async def _may_checkpoint(connection: Any) -> bool:
    """Whether the role may; before version 15 only a superuser could."""
    granted: bool = await connection.fetchval(
        "SELECT bool_or(pg_has_role(oid, 'MEMBER')) FROM pg_roles WHERE rolname = 'pg_checkpoint'"
    )
    return bool(granted)


async def test_folder_nobody_can_reach(tmp_path: Path) -> None:
    """In a private folder with a long name the server still runs, on a socket elsewhere."""
    run_dir = tmp_path / ("long" * 20)
    run_dir.mkdir()
    cluster = await Cluster.start(run_dir, cache_dir=tmp_path / "cache")
    try:
        connection = await cluster.connect()
        assert await connection.fetchval("SHOW synchronous_commit") == "on"
        await connection.close()
        assert len(str(cluster.socket_path)) < 108
    finally:
        await cluster.stop()
    assert not cluster.socket_path.exists()


async def test_template_is_made_once_by_many_at_once(open_folder: Path) -> None:
    """Clusters started together on a fresh cache share one template and all come up."""
    cache = Path(tempfile.mkdtemp(prefix="cache-", dir=open_folder))
    cache.chmod(0o755)
    run_dirs = [Path(tempfile.mkdtemp(prefix="pg-", dir=open_folder)) for _ in range(2)]
    for run_dir in run_dirs:
        run_dir.chmod(0o755)
    async with asyncio.TaskGroup() as tasks:
        started = [tasks.create_task(Cluster.start(r, cache_dir=cache)) for r in run_dirs]
    async with asyncio.TaskGroup() as tasks:
        for task in started:
            tasks.create_task(task.result().stop())
    assert len([path for path in cache.iterdir() if path.is_dir()]) == 1
    assert started[0].result().candidate.password != started[1].result().candidate.password


_GRADER = """
import asyncio, sys
from pathlib import Path
from acidtest.grader.lab.postgres import Cluster
from acidtest.grader.lab.redis_server import RedisServer

async def main():
    run_dir = Path(sys.argv[1])
    await Cluster.start(run_dir, cache_dir=Path(sys.argv[2]))
    await RedisServer.start(run_dir)
    print("up", flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_servers_die_with_the_grader(open_folder: Path) -> None:
    """When the grader is killed, its servers are gone at once; they were on record as well."""
    run_dir = Path(tempfile.mkdtemp(prefix="doomed-", dir=open_folder))
    run_dir.chmod(0o755)
    words = (sys.executable, "-c", _GRADER, str(run_dir), str(open_folder / "cache"))
    with subprocess.Popen(words, stdout=subprocess.PIPE) as grader:  # noqa: ASYNC220 - must outlive no await
        assert grader.stdout is not None
        assert await asyncio.to_thread(grader.stdout.readline) == b"up\n"
        pids = [int(line.split()[0]) for line in (run_dir / "pids").read_text().splitlines()]
        assert len(pids) >= 2
        children = [
            c for pid in pids if psutil.pid_exists(pid) for c in psutil.Process(pid).children()
        ]
        os.kill(grader.pid, signal.SIGKILL)
    deadline = asyncio.get_running_loop().time() + 10
    left = {*pids, *(child.pid for child in children)}
    while left := {pid for pid in left if _runs(pid)}:
        assert asyncio.get_running_loop().time() < deadline, left
        await asyncio.sleep(0.02)


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def test_missing_programs_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where there is no server the message says where was looked and what to install."""
    monkeypatch.setenv("ACIDTEST_POSTGRES_BIN", str(tmp_path))
    with pytest.raises(InfrastructureError, match=r"no server.*postgresql.*ACIDTEST_POSTGRES_BIN"):
        PostgresBinaries.find()
