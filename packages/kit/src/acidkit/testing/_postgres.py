"""A private PostgreSQL on a unix socket, or databases on a server that is given."""

import itertools
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from acidkit.testing import _servers

BINARIES = "usr/lib/postgresql/*/bin"
# PostgreSQL refuses to run as root; in a user namespace it runs as nobody, with our files.
AS_NOBODY = ("unshare", "-U", "--map-user=65534", "--map-group=65534")
FAST = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "max_connections=100")


class PostgresServer:
    """Hands out databases; each call gives a new one."""

    def __init__(self, url: str, *, child: subprocess.Popen[bytes] | None = None) -> None:
        self._url = url
        self._child = child
        self._numbers = itertools.count(1)

    @classmethod
    def start(cls, directory: Path, *, options: Sequence[str] = FAST) -> "PostgresServer":
        """Start a server whose files and socket are in `directory`.

        By its default options it is fast and would not outlive a power cut.

        Raises:
            FileNotFoundError: there is no PostgreSQL on this machine.
        """
        postgres = _servers.find_program("postgres", BINARIES)
        if postgres is None:
            raise FileNotFoundError("no PostgreSQL server found on this machine")
        prefix = AS_NOBODY if os.geteuid() == 0 else ()
        data = directory / "data"
        subprocess.run(
            [
                *prefix,
                f"{Path(postgres).parent}/initdb",
                "-N",
                "-D",
                str(data),
                "-U",
                "postgres",
                "-A",
                "trust",
                "--locale=C",
                "-E",
                "UTF8",
            ],
            check=True,
            capture_output=True,
            timeout=60,
        )
        arguments = [f"-c{option}" for option in options]
        child = _servers.start(
            [*prefix, postgres, "-D", str(data), "-k", str(directory), "-h", "", *arguments],
            log=directory / "log",
            up=(directory / ".s.PGSQL.5432").exists,
        )
        server = cls(f"postgresql://postgres@/postgres?host={quote(str(directory))}", child=child)
        try:
            _servers.retry(lambda: server.run("SELECT 1"))
        except BaseException:
            server.stop()
            raise
        return server

    @property
    def socket(self) -> Path | None:
        """The unix socket, where the server is ours."""
        if self._child is None:
            return None
        return Path(urlsplit(self._url).query.removeprefix("host=")) / ".s.PGSQL.5432"

    def create_database(self, *, template: str | None = None) -> str:
        """Create a database and return its address."""
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        source = f" TEMPLATE {template}" if template else ""
        self.run(f"CREATE DATABASE {name}{source}")
        return self.url_of(name)

    def drop_database(self, url: str) -> None:
        """Remove a database with whoever is connected to it."""
        self.run(f"DROP DATABASE IF EXISTS {name_of(url)} WITH (FORCE)")

    def url_of(self, name: str) -> str:
        """Return the address of a database of this server."""
        return urlunsplit(urlsplit(self._url)._replace(path=f"/{name}"))

    def run(self, statement: str, *, url: str | None = None) -> str:
        """Run SQL as the server's owner and return psql's unaligned output."""
        psql = _servers.find_program("psql", BINARIES) or "psql"
        done = subprocess.run(
            [psql, "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", url or self._url, "-c", statement],
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )
        if done.returncode:
            raise RuntimeError(done.stderr.strip())
        return done.stdout.strip()

    def stop(self) -> None:
        """End the server, if it is ours."""
        if self._child:
            # An immediate shutdown: nobody needs these files again.
            self._child.send_signal(signal.SIGQUIT)
            _servers.reap(self._child)


def name_of(url: str) -> str:
    """Return the database's name in an address."""
    return urlsplit(url).path.removeprefix("/")
