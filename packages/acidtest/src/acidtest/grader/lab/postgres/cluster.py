"""The cluster of one submission, as the engine and the checks see it."""

import asyncio
import os
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from acidtest.grader.lab.postgres.binaries import PostgresBinaries
from acidtest.grader.lab.postgres.plan import Plan, explain_statement
from acidtest.grader.lab.postgres.processor import processor_seconds
from acidtest.grader.lab.postgres.server import PORT, PostgresServer
from acidtest.grader.lab.postgres.settings import (
    CANDIDATE,
    DATABASE,
    JUDGE,
    JUDGE_SESSION,
    JUDGE_SINCE,
    OWN_DATABASE,
    SUPERUSER,
)
from acidtest.grader.lab.postgres.statement_stats import (
    StatementStats,
    read_statements,
    reset_statements,
)
from acidtest.grader.lab.postgres.template import copy_template
from acidtest.grader.lab.server_process import Identity

_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")


class Login(NamedTuple):
    """A name and its password, made anew for every cluster."""

    user: str
    password: str

    def url(self, database: str, *, host: str, port: int, scheme: str = "postgresql") -> str:
        """The address of `database` with this login in it."""
        return f"{scheme}://{self.user}:{quote(self.password, safe='')}@{host}:{port}/{database}"


class Cluster:
    """A running private PostgreSQL server with a candidate's role and database in it.

    Attributes:
        candidate: the login a service gets; owner of its databases, no superuser.
        database: the candidate's first database, empty at the start.
        version: the server's version, such as `15.20`.
        has_statements: whether `statements` can tell anything.
    """

    def __init__(
        self,
        server: PostgresServer,
        binaries: PostgresBinaries,
        identity: Identity,
        *,
        data: Path,
        candidate: Login,
    ) -> None:
        self.candidate = candidate
        self.database = DATABASE
        self.port = PORT
        self.version = binaries.version
        self.has_statements = "pg_stat_statements" in binaries.libraries
        self.runs_as = identity.name
        self._judge_is_limited = int(binaries.version.split(".")[0]) >= JUDGE_SINCE
        self._server = server
        self._data = data
        self._own: Any = None
        # The judge's one connection cannot be used by two tasks at a time.
        self._own_lock = asyncio.Lock()

    @classmethod
    async def start(
        cls,
        run_dir: Path,
        *,
        cache_dir: Path,
        binaries: PostgresBinaries | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> "Cluster":
        """Copy the template into `run_dir` (making it first if need be) and start a server on it.

        Raises:
            InfrastructureError: there is no PostgreSQL here, or it cannot be run; says why.
        """
        if binaries is None:
            binaries = await asyncio.to_thread(PostgresBinaries.find)
        data = run_dir / "pgdata"
        identity = await copy_template(binaries, data, cache_dir=cache_dir)
        server = PostgresServer(binaries, identity, data, run_dir=run_dir, settings=settings)
        candidate = Login(CANDIDATE, secrets.token_hex(16))
        cluster = cls(server, binaries, identity, data=data, candidate=candidate)
        try:
            await server.start()
            await cluster._restore_roles()
        except BaseException:
            await cluster.stop()
            raise
        return cluster

    @property
    def socket_dir(self) -> Path:
        """The private folder of the server's Unix socket."""
        return self._server.socket_dir

    @property
    def socket_path(self) -> Path:
        """The Unix socket itself: what a proxy takes as its upstream."""
        return self.socket_dir / f".s.PGSQL.{PORT}"

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._server.process.pid

    @property
    def running(self) -> bool:
        """Whether the server is up."""
        return self._server.process.running

    async def admin(self, database: str = OWN_DATABASE) -> Any:
        """A new asyncpg connection of the judge, past every proxy; the caller closes it.

        In a candidate's database it reads and writes everything but is no superuser: a function the
        candidate left there would run with its rights.
        """
        if database == OWN_DATABASE:
            return await self._server.connect(SUPERUSER, database)
        user = JUDGE if self._judge_is_limited else SUPERUSER
        return await self._server.connect(user, database, settings=JUDGE_SESSION)

    async def connect(self, database: str | None = None) -> Any:
        """A new asyncpg connection with the candidate's rights, past every proxy."""
        login = self.candidate
        return await self._server.connect(
            login.user, database or self.database, password=login.password
        )

    async def create_database(self, name: str, *, template: str | None = None) -> None:
        """Make a database the candidate owns, empty or a copy of one nobody is connected to."""
        source = _identifier(template or "template0")
        new = _identifier(name)
        await self._restore_roles()
        await self._execute(f"CREATE DATABASE {new} OWNER {CANDIDATE} TEMPLATE {source}")
        await self._execute(f"REVOKE ALL ON DATABASE {new} FROM PUBLIC")

    async def drop_database(self, name: str) -> None:
        """Remove a database and whoever is connected to it; fine when it is not there."""
        await self._execute(f"DROP DATABASE IF EXISTS {_identifier(name)} WITH (FORCE)")

    async def disconnect(self, database: str) -> int:
        """End every session in `database`; says how many there were."""
        count: int = await self._value(
            "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity"
            " WHERE datname = $1 AND pid <> pg_backend_pid()",
            database,
        )
        return count

    async def statements(self, database: str | None = None) -> list[StatementStats]:
        """What the candidate ran in `database`, as the server counted; empty if it cannot."""
        if not self.has_statements:
            return []
        async with self._own_lock:
            connection = await self._own_connection()
            return await read_statements(connection, database or self.database, CANDIDATE)

    async def reset_statements(self, database: str | None = None) -> None:
        """Start counting statements of `database` from nothing."""
        if self.has_statements:
            async with self._own_lock:
                await reset_statements(await self._own_connection(), database or self.database)

    async def explain(
        self,
        database: str,
        sql: str,
        parameters: Sequence[str | None] = (),
        *,
        analyze: bool = True,
        full_scans: bool = True,
        timeout: float = 10.0,
    ) -> Plan:
        """The plan of a captured statement with its own parameters; nothing it did remains.

        Without `full_scans` the planner reads a whole table only when no index can be used, which
        tells a missing index from one that is merely not worth using.

        Raises:
            PlanUnavailableError: PostgreSQL cannot explain it.
        """
        connection = await self.connect(database)
        try:
            return await explain_statement(
                connection,
                sql,
                parameters,
                analyze=analyze,
                full_scans=full_scans,
                timeout=timeout,
            )
        finally:
            await connection.close(timeout=timeout)

    async def disk_bytes(self) -> int:
        """What the cluster's files take now."""
        return await asyncio.to_thread(_size, self._data)

    def processor_seconds(self) -> float:
        """Seconds of processor time that all its processes have taken."""
        return processor_seconds(self._server.process.pid)

    async def kill(self) -> None:
        """End all its processes as a power cut would; acknowledged work is in its files."""
        await self._drop_own()
        await self._server.process.kill()

    async def restart(self) -> None:
        """Start the server again on the same files, after `kill` or in place of the running one."""
        await self._drop_own()
        if self._server.process.running:
            await self._server.stop()
        await self._server.start()

    async def stop(self) -> None:
        """End the server; its files stay in the run's folder."""
        await self._drop_own()
        await self._server.stop()

    async def _restore_roles(self) -> None:
        """Undo what a candidate may do to its own role: another password, no judge as a member."""
        await self._execute(f"ALTER ROLE {CANDIDATE} PASSWORD '{self.candidate.password}'")
        if self._judge_is_limited:
            await self._execute(f"GRANT {CANDIDATE} TO {JUDGE}")

    async def _execute(self, sql: str) -> None:
        async with self._own_lock:
            connection = await self._own_connection()
            await connection.execute(sql, timeout=60.0)

    async def _value(self, sql: str, *values: object) -> Any:
        async with self._own_lock:
            connection = await self._own_connection()
            return await connection.fetchval(sql, *values, timeout=60.0)

    async def _own_connection(self) -> Any:
        if self._own is None or self._own.is_closed():
            self._own = await self.admin(OWN_DATABASE)
        return self._own

    async def _drop_own(self) -> None:
        connection, self._own = self._own, None
        if connection is not None and not connection.is_closed():
            connection.terminate()


def _identifier(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no plain database name")
    return f'"{name}"'


def _size(folder: Path) -> int:
    """Asked twice a second while checks run: hence no paths, only what the directories hold."""
    total = 0
    for entry in _entries(str(folder)):
        with suppress(OSError):  # it went away between listing and looking
            total += entry.stat(follow_symlinks=False).st_blocks * 512
    return total


def _entries(place: str) -> Iterator[os.DirEntry[str]]:
    with suppress(OSError), os.scandir(place) as entries:
        for entry in entries:
            yield entry
            if entry.is_dir(follow_symlinks=False):
                yield from _entries(entry.path)
