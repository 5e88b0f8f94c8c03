"""What the server itself counted about the candidate's statements."""

from typing import Any, NamedTuple

_QUERY = """
SELECT s.queryid, s.query, s.calls, s.rows,
       s.shared_blks_hit + s.shared_blks_read AS blocks,
       s.total_exec_time / 1000 AS seconds
FROM pg_stat_statements AS s
JOIN pg_database AS d ON d.oid = s.dbid
JOIN pg_roles AS r ON r.oid = s.userid
WHERE d.datname = $1 AND r.rolname = $2
ORDER BY s.calls DESC, s.queryid
"""
_RESET = """
SELECT pg_stat_statements_reset(0, d.oid, 0) FROM pg_database AS d WHERE d.datname = $1
"""


class StatementStats(NamedTuple):
    """One kind of statement, as PostgreSQL counts them: literals and parameters do not matter."""

    queryid: int
    query: str
    calls: int
    rows: int
    blocks: int
    """Shared buffers touched."""
    seconds: float


async def read_statements(connection: Any, database: str, user: str) -> list[StatementStats]:
    """The statements `user` ran in `database` since the last reset, most called first."""
    rows = await connection.fetch(_QUERY, database, user)
    return [StatementStats(*row) for row in rows]


async def reset_statements(connection: Any, database: str) -> None:
    """Forget the statements of `database`."""
    await connection.execute("SELECT 1")
    await connection.fetch(_RESET, database)
