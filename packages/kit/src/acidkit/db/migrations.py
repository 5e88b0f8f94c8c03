"""Runs Alembic so that a release can do it against a live database and from many places at once.

Imported on its own, not with `acidkit.db`: Alembic is a tenth of what a start would load.
"""

import asyncio
from typing import Any

from alembic import context
from asyncpg import CannotConnectNowError
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from acidkit.db._engine import connection_url

LOCK_ID = 7_241_903_386_017_254  # any number; the same for every service, per database
LOCK_TIMEOUT = "4s"  # a migration that waits for a lock holds up everybody behind it
TURN_TIMEOUT = "120s"  # another release may be migrating; it is given time to finish
CONNECT_ATTEMPTS = 20
CONNECT_PAUSE = 0.5


def run_migrations(metadata: MetaData, *, url: str) -> None:
    """Bring the database at `url` to the revision Alembic was asked for.

    Called from a service's `migrations/env.py`. One runner works at a time (advisory lock); each
    migration is a transaction of its own; a lock that is not granted soon fails the migration
    rather than the traffic.
    """
    if context.is_offline_mode():
        context.configure(dialect_name="postgresql", target_metadata=metadata, literal_binds=True)
        with context.begin_transaction():
            context.run_migrations()
        return
    asyncio.run(_run(metadata, url))


async def _run(metadata: MetaData, url: str) -> None:
    engine = create_async_engine(
        connection_url(url),
        poolclass=NullPool,
        hide_parameters=True,
        connect_args={"timeout": 5, "server_settings": {"application_name": "migrations"}},
    )
    try:
        connection = await _connect(engine)
        await connection.run_sync(_migrate, metadata)
        await connection.close()
    finally:
        await engine.dispose()


async def _connect(engine: AsyncEngine) -> AsyncConnection:
    # A container's database starts beside us; it is given ten seconds to listen.
    for _ in range(CONNECT_ATTEMPTS - 1):
        try:
            return await engine.connect()
        except (OSError, CannotConnectNowError):
            await asyncio.sleep(CONNECT_PAUSE)
    return await engine.connect()


def _migrate(connection: Connection, metadata: MetaData) -> None:
    _say(connection, f"SET lock_timeout = '{TURN_TIMEOUT}'")
    _say(connection, f"SELECT pg_advisory_lock({LOCK_ID})")
    _say(connection, f"SET lock_timeout = '{LOCK_TIMEOUT}'")
    # Session settings and the session's lock outlive this commit; Alembic's own begin afterwards.
    connection.commit()
    options: dict[str, Any] = {"compare_server_default": True, "transaction_per_migration": True}
    context.configure(connection=connection, target_metadata=metadata, **options)
    with context.begin_transaction():
        context.run_migrations()
    _say(connection, f"SELECT pg_advisory_unlock({LOCK_ID})")
    connection.commit()


def _say(connection: Connection, statement: str) -> None:
    connection.execute(text(statement))
