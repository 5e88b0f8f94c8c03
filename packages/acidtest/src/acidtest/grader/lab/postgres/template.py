"""The template cluster: made once per machine, copied for every submission.

Copying takes a tenth of the time `initdb` does. The template is made under a lock in a folder of
its own and renamed into place, so it is there whole or not at all.
"""

import asyncio
import fcntl
import os
import shutil
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from acidtest.core.errors import InfrastructureError
from acidtest.grader.lab.postgres.binaries import PostgresBinaries
from acidtest.grader.lab.postgres.server import PostgresServer
from acidtest.grader.lab.postgres.settings import (
    ACCESS,
    JUDGE_SCRIPT,
    JUDGE_SINCE,
    OWN_DATABASE,
    SCRIPT,
    SUPERUSER,
    TAKE_OVER,
    configuration,
    fingerprint,
)
from acidtest.grader.lab.server_process import Identity, identities

_PATIENCE = 120.0
_LOCK_POLL = 0.05
_FRESH = (
    "--no-sync",
    f"--username={SUPERUSER}",
    "--auth=trust",
    "--encoding=UTF8",
    "--wal-segsize=1",
    "--no-instructions",
)
_LEAST_WAL = {"min_wal_size": "2MB"}
"""While the template is made: segments kept for later use would be in every copy."""
_LOCALES = (("--locale=C", "--lc-ctype=C.UTF-8"), ("--locale=C",))
"""Byte order for sorting, but upper and lower case of every script where the system knows it."""


async def copy_template(binaries: PostgresBinaries, target: Path, *, cache_dir: Path) -> Identity:
    """Put a fresh cluster at `target`, and say as whom it must run.

    Ways of running without root are tried in turn; the first that works with both folders is used.

    Raises:
        InfrastructureError: none works; the message lists what was tried.
    """
    tried: list[str] = []
    for identity in identities():
        try:
            template = await _template(binaries, identity, cache_dir)
            await _copy(template, target)
            identity.give(target)
            # Opened, not asked about: access(2) knows nothing of the right to pass closed folders.
            await _run(identity, "sh", "-c", ': >>"$1"', "sh", str(target / "PG_VERSION"))
        except (InfrastructureError, OSError) as error:
            tried.append(f"{identity.name}: {error}")
            shutil.rmtree(target, ignore_errors=True)
        else:
            return identity
    raise InfrastructureError(
        "PostgreSQL could not be run without the rights of root. Tried: " + "; ".join(tried)
    )


async def _template(binaries: PostgresBinaries, identity: Identity, cache_dir: Path) -> Path:
    key = fingerprint(str(binaries.folder), binaries.version, *binaries.libraries, identity.name)
    template = cache_dir / f"postgres-{binaries.version}-{key}"
    if template.is_dir():
        return template
    await asyncio.to_thread(cache_dir.mkdir, parents=True, exist_ok=True)
    async with _locked(cache_dir / f"{template.name}.lock"):
        if not template.is_dir():
            await _make(binaries, identity, template)
    return template


async def _make(binaries: PostgresBinaries, identity: Identity, template: Path) -> None:
    making = Path(tempfile.mkdtemp(prefix="making-", dir=template.parent))
    try:
        identity.give(making)
        data = making / "data"
        await _init(binaries, identity, data)
        with (data / "postgresql.conf").open("a", encoding="utf-8") as conf:
            conf.write(configuration(binaries.libraries, major=_major(binaries)))
        (data / "pg_hba.conf").write_text(ACCESS, encoding="utf-8")
        await _furnish(binaries, identity, making)
        data.rename(template)
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _major(binaries: PostgresBinaries) -> int:
    return int(binaries.version.split(".")[0])


async def _init(binaries: PostgresBinaries, identity: Identity, data: Path) -> None:
    failure: InfrastructureError | None = None
    for locale in _LOCALES:
        try:
            await _run(identity, binaries.initdb, f"--pgdata={data}", *_FRESH, *locale)
        except InfrastructureError as error:
            failure = error
            shutil.rmtree(data, ignore_errors=True)
        else:
            return
    raise failure or InfrastructureError("initdb was not tried")


async def _furnish(binaries: PostgresBinaries, identity: Identity, making: Path) -> None:
    server = PostgresServer(
        binaries, identity, making / "data", run_dir=making, settings=_LEAST_WAL
    )
    script = SCRIPT + (JUDGE_SCRIPT if _major(binaries) >= JUDGE_SINCE else "")
    if "pg_stat_statements" in binaries.libraries:
        script += "CREATE EXTENSION pg_stat_statements"
    await server.start()
    try:
        await _execute(server, "template1", TAKE_OVER)
        await _execute(server, OWN_DATABASE, *filter(None, map(str.strip, script.split(";"))))
    finally:
        await server.stop()


async def _execute(server: PostgresServer, database: str, *statements: str) -> None:
    connection = await server.connect(SUPERUSER, database)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def _copy(template: Path, target: Path) -> None:
    await _run(Identity("ourselves", (), None), "cp", "-a", "--", str(template), str(target))


async def _run(identity: Identity, *command: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *identity.prefix,
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
        cwd="/",
    )
    try:
        _, said = await asyncio.wait_for(process.communicate(), _PATIENCE)
    except TimeoutError:
        raise InfrastructureError(f"{command[0]} took longer than {_PATIENCE:.0f} s") from None
    finally:
        # Also when we are cancelled: it would go on writing into a folder that is being removed.
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        words = " ".join(said.decode(errors="replace").split())[:300]
        raise InfrastructureError(f"{command[0]} ended with {process.returncode}: {words}")


@asynccontextmanager
async def _locked(path: Path) -> AsyncGenerator[None]:
    """Hold a lock that other graders on this machine respect."""
    handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        deadline = asyncio.get_running_loop().time() + _PATIENCE
        while not _lock(handle):
            if asyncio.get_running_loop().time() > deadline:
                raise InfrastructureError(f"{path} is locked by another grader")
            await asyncio.sleep(_LOCK_POLL)
        yield
    finally:
        os.close(handle)


def _lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
