"""What a migrated database is made of, as the tests of a service's migrations compare it."""

import asyncpg
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData
from sqlalchemy.ext.asyncio import create_async_engine

from acidkit.db import connection_url
from acidkit.testing._postgres import PostgresServer

_SCHEMA = """
SELECT string_agg(line, E'\\n' ORDER BY line) FROM (
    SELECT format('%s.%s %s %s %s', table_name, column_name, data_type, is_nullable, column_default)
        AS line FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL SELECT conname || pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT tgname FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT enumlabel FROM pg_enum
) AS everything
"""
_RELATIONS = """
SELECT string_agg(relname, ' ') FROM pg_class WHERE relnamespace = 'public'::regnamespace
    AND relname NOT LIKE 'alembic%'
"""


def schema_lines(server: PostgresServer, url: str) -> str:
    """Return columns, indexes, constraints, triggers and labels as sorted lines, to be compared."""
    return server.run(_SCHEMA, url=url)


def relations_left(server: PostgresServer, url: str) -> str:
    """Return the names of tables, indexes and sequences, Alembic's own left out."""
    return server.run(_RELATIONS, url=url)


async def model_differences(url: str, metadata: MetaData) -> list[object]:
    """Return what the tables of a database and those the code believes in do not share."""

    def compare(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, metadata))

    engine = create_async_engine(connection_url(url))
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(compare)
    finally:
        await engine.dispose()


async def refusal(url: str, statement: str) -> str | None:
    """Return the SQLSTATE with which a statement is refused, or None when it goes through."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    except asyncpg.PostgresError as error:
        return str(error.sqlstate)
    finally:
        await connection.close()
    return None
