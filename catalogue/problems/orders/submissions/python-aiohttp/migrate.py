"""Bring the database to the newest schema: every file of schema/ once, in the order of names."""

import asyncio
import os
import sys
from pathlib import Path

import asyncpg

SCHEMA = Path(__file__).parent / "schema"
LOCK = 5_118_001  # any number, the same wherever this script runs


async def migrate(url: str) -> list[str]:
    """Apply what is missing and return the names of it."""
    connection = await asyncpg.connect(url, timeout=10)
    try:
        # Of two releases at the same moment the second waits and finds nothing to do.
        await connection.execute("SELECT pg_advisory_lock($1)", LOCK, timeout=60)
        return await _apply_missing(connection)
    finally:
        await connection.close(timeout=5)


async def _apply_missing(connection: asyncpg.Connection) -> list[str]:
    if await connection.fetchval("SELECT to_regclass('applied_schema') IS NULL"):
        await connection.execute("CREATE TABLE applied_schema (name text PRIMARY KEY)")
    done = {row["name"] for row in await connection.fetch("SELECT name FROM applied_schema")}
    missing = [file for file in sorted(SCHEMA.glob("*.sql")) if file.name not in done]
    for file in missing:
        async with connection.transaction():
            await connection.execute(file.read_text())
            await connection.execute("INSERT INTO applied_schema (name) VALUES ($1)", file.name)
    return [file.name for file in missing]


if __name__ == "__main__":
    if "DATABASE_URL" not in os.environ:
        sys.exit("DATABASE_URL must be set.")
    applied = asyncio.run(migrate(os.environ["DATABASE_URL"]))
    print("applied:", ", ".join(applied) or "nothing, it is all there")
