"""One PostgreSQL server process on a data folder: start, readiness, stop, kill, restart."""

import asyncio
import shutil
import signal
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import asyncpg

from acidtest.core.errors import InfrastructureError
from acidtest.grader.lab.postgres.binaries import PostgresBinaries
from acidtest.grader.lab.postgres.settings import OWN_DATABASE, SUPERUSER
from acidtest.grader.lab.server_process import Identity, ServerProcess

PORT = 5432
"""Only a part of the socket's file name here; no TCP port is opened."""
_START_PATIENCE = 60.0
_START_TRIES = 3
_POLL = 0.004
_LONGEST_SOCKET_FOLDER = 107 - len(f"/.s.PGSQL.{PORT}.lock")
_NOT_YET = (
    OSError,
    asyncpg.CannotConnectNowError,
    asyncpg.ConnectionDoesNotExistError,
    asyncpg.ConnectionFailureError,
)


class PostgresServer:
    """Runs `postgres` on one data folder, listening on a Unix socket in a private folder."""

    def __init__(
        self,
        binaries: PostgresBinaries,
        identity: Identity,
        data: Path,
        *,
        run_dir: Path,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.socket_dir = run_dir / "pg"
        self._binaries = binaries
        self._identity = identity
        self._data = data
        self._run_dir = run_dir
        self._settings = dict(settings or {})
        self._process: ServerProcess | None = None

    @property
    def process(self) -> ServerProcess:
        """The running server."""
        if self._process is None:
            raise InfrastructureError("PostgreSQL was not started")
        return self._process

    async def start(self) -> None:
        """Start and wait until it answers; after a kill, leftovers of the last one may need time.

        Raises:
            InfrastructureError: it did not come up; the message ends with its last words.
        """
        self._make_socket_folder()
        command = [self._binaries.postgres, "-D", str(self._data), "-p", str(PORT)]
        command += ["-c", f"unix_socket_directories={self.socket_dir}"]
        for name, value in self._settings.items():
            command += ["-c", f"{name}={value}"]
        for _ in range(_START_TRIES):
            self._process = await ServerProcess.start(
                command, name="postgres", identity=self._identity, run_dir=self._run_dir
            )
            if await self._answers():
                return
            await self._process.kill()
        raise InfrastructureError(f"PostgreSQL did not come up: {self._process_log()}")

    async def connect(
        self,
        user: str,
        database: str,
        *,
        password: str | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> Any:
        """A new connection, past every proxy; the caller closes it."""
        return await asyncpg.connect(
            host=str(self.socket_dir),
            port=PORT,
            user=user,
            password=password,
            database=database,
            timeout=10.0,
            server_settings={"application_name": "acidtest", **(settings or {})},
        )

    async def stop(self) -> None:
        """End it in order; safe when it was never started."""
        if self._process is not None:
            await self._process.stop(signal.SIGINT)
        if self.socket_dir.parent != self._run_dir:
            shutil.rmtree(self.socket_dir, ignore_errors=True)

    async def _answers(self) -> bool:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _START_PATIENCE
        while self.process.running and loop.time() < deadline:
            try:
                connection = await self.connect(SUPERUSER, OWN_DATABASE)
            except asyncpg.InvalidCatalogNameError:
                return True  # a cluster that is being made has no such database yet
            except _NOT_YET:
                await asyncio.sleep(_POLL)
            else:
                await connection.close()
                return True
        return False

    def _make_socket_folder(self) -> None:
        if self.socket_dir.is_dir():
            return
        if len(str(self.socket_dir)) > _LONGEST_SOCKET_FOLDER:
            self.socket_dir = Path(tempfile.mkdtemp(prefix="acidtest-pg-"))
        else:
            self.socket_dir.mkdir(mode=0o700)
        self._identity.give(self.socket_dir)

    def _process_log(self) -> str:
        return self.process.log_tail()
