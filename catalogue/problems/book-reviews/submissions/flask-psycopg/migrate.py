"""Bring the database to the newest schema: every file of schema/ once, in the order of names."""

import os
import sys
from pathlib import Path

import psycopg

SCHEMA = Path(__file__).parent / "schema"
LOCK = 5_117_001  # any number, the same wherever this script runs


def migrate(url: str) -> list[str]:
    """Apply what is missing and return the names of it."""
    applied = []
    with psycopg.connect(url, autocommit=True, connect_timeout=10) as connection:
        # Of two releases at the same moment the second waits and finds nothing to do.
        connection.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        if connection.execute("SELECT to_regclass('applied_schema')").fetchone() == (None,):
            connection.execute("CREATE TABLE applied_schema (name text PRIMARY KEY)")
        done = {name for (name,) in connection.execute("SELECT name FROM applied_schema")}
        for file in sorted(SCHEMA.glob("*.sql")):
            if file.name in done:
                continue
            with connection.transaction():
                connection.execute(file.read_bytes())
                connection.execute("INSERT INTO applied_schema (name) VALUES (%s)", [file.name])
            applied.append(file.name)
    return applied


if __name__ == "__main__":
    if "DATABASE_URL" not in os.environ:
        sys.exit("DATABASE_URL must be set.")
    print("applied:", ", ".join(migrate(os.environ["DATABASE_URL"])) or "nothing, it is all there")
