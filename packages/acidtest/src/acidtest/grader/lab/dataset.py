"""The data a problem begins with: SQL files of its package, run on a database of the candidate's.

A room of its own because such a problem's migrations run on data, as in production, and because a
service that is compared with must find the very same rows.
"""

import asyncio
from pathlib import Path

import asyncpg

from acidtest.core.errors import InfrastructureError, PackageError
from acidtest.grader.lab.postgres import Cluster

_SECONDS = 120.0
"""For one file, on a busy machine; what is drawn there takes five on an idle one."""


async def load_dataset(cluster: Cluster, database: str, folder: Path) -> None:
    """Run the SQL files of `folder` in the order of their names, as the owner of `database`.

    Raises:
        PackageError: there is none, or one of them is refused.
        InfrastructureError: it took too long, or the server went away.
    """
    files = await asyncio.to_thread(lambda: sorted(folder.glob("*.sql")))
    if not files:
        raise PackageError(f"{folder}: no SQL files of a data set")
    connection = await cluster.connect(database)
    try:
        for file in files:
            script = await asyncio.to_thread(file.read_text, encoding="utf-8")
            try:
                await connection.execute(script, timeout=_SECONDS)
            except asyncpg.PostgresError as error:
                raise PackageError(f"{file}: {error}") from error
    except (OSError, asyncpg.InterfaceError) as error:
        raise InfrastructureError(f"the data set was not loaded: {error!r}") from error
    finally:
        await connection.close(timeout=5)
