"""Plans of captured statements, with the very parameters the service bound.

The statement's text is the candidate's and hostile, so it runs as the candidate, as exactly one
statement, in a transaction that is rolled back, within a deadline.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import asyncpg

from acidtest.core.errors import HarnessError

_PREPARED = "acidtest_plan"
_DRAWN = ("Index Cond", "Filter", "Rows Removed by Filter")


class PlanUnavailableError(HarnessError):
    """A captured statement could not be explained, such as one that is no query."""


class Plan(NamedTuple):
    """The root of a plan as PostgreSQL's JSON gives it."""

    root: dict[str, Any]
    execution_ms: float
    text: str
    """The same as indented lines, for a person."""

    @property
    def cost(self) -> float:
        """The planner's total cost; before version 18 a forbidden scan adds 1e10 to it."""
        return float(self.root.get("Total Cost", 0.0))

    def nodes(self) -> Iterator[dict[str, Any]]:
        """Every node, the root first."""
        pending = [self.root]
        while pending:
            node = pending.pop()
            yield node
            pending.extend(reversed(node.get("Plans", [])))

    def full_scans(self, table: str | None = None) -> list[dict[str, Any]]:
        """The nodes that read a whole table, of one table or of all.

        In a plan made without full scans each of them means that no index could have been used.
        """
        return [
            node
            for node in self.nodes()
            if node.get("Node Type") == "Seq Scan"
            and (table is None or node.get("Relation Name") == table)
        ]

    @property
    def rows_removed(self) -> int:
        """Rows that were read and thrown away by filters, over all loops."""
        return sum(
            int(node.get("Rows Removed by Filter", 0)) * int(node.get("Actual Loops", 1))
            for node in self.nodes()
        )

    @property
    def rows(self) -> int:
        """Rows that came out."""
        return int(self.root.get("Actual Rows", 0))


async def explain_statement(
    connection: Any,
    sql: str,
    parameters: Sequence[str | None],
    *,
    analyze: bool,
    full_scans: bool,
    timeout: float,
) -> Plan:
    """The plan of one statement on a connection of the candidate; nothing it did remains.

    Raises:
        PlanUnavailableError: PostgreSQL refused to prepare or explain it.
    """
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute(f"SET LOCAL statement_timeout = {int(timeout * 1000)}")
        await connection.execute("SET LOCAL plan_cache_mode = force_custom_plan")
        if not full_scans:
            await connection.execute("SET LOCAL enable_seqscan = off")
        return await _explain(connection, sql, parameters, analyze=analyze)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        raise PlanUnavailableError(f"the statement could not be explained: {error}") from error
    finally:
        if not connection.is_closed():
            await transaction.rollback()


async def _explain(
    connection: Any, sql: str, parameters: Sequence[str | None], *, analyze: bool
) -> Plan:
    options = "ANALYZE, BUFFERS, FORMAT JSON" if analyze else "FORMAT JSON"
    # asyncpg's fetch speaks the extended protocol, which takes one statement and no second one.
    statement = sql.strip().rstrip(";")
    if parameters:
        await connection.fetch(f"PREPARE {_PREPARED} AS {statement}")
        literals = ", ".join(_literal(value) for value in parameters)
        statement = f"EXECUTE {_PREPARED}({literals})"
    rows = await connection.fetch(f"EXPLAIN ({options}) {statement}")
    if parameters:
        await connection.fetch(f"DEALLOCATE {_PREPARED}")
    document = json.loads(rows[0][0])[0]
    root: dict[str, Any] = document["Plan"]
    return Plan(root, float(document.get("Execution Time", 0.0)), _drawn(root, 0))


def _literal(value: str | None) -> str:
    if value is None:
        return "NULL"
    return "E'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def _drawn(node: dict[str, Any], depth: int) -> str:
    words = [str(node.get("Node Type", "?"))]
    if "Index Name" in node:
        words.append(f"using {node['Index Name']}")
    if "Relation Name" in node:
        words.append(f"on {node['Relation Name']}")
    words.append(f"(cost {node.get('Total Cost', 0)}, rows {node.get('Actual Rows', '?')})")
    lines = ["  " * depth + " ".join(words)]
    inner = "  " * (depth + 1)
    lines += [f"{inner}{key}: {node[key]}" for key in _DRAWN if key in node]
    lines += [_drawn(child, depth + 1) for child in node.get("Plans", [])]
    return "\n".join(lines)
