"""The judge's own eyes on the service's database: a superuser connection past every proxy."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import asyncpg

from acidtest.core.evidence import SqlStatement
from acidtest.grader.lab.postgres import Cluster, Plan, PlanUnavailableError
from acidtest.grader.lab.schema import (
    Column,
    Constraint,
    Index,
    columns_of,
    constraints_of,
    indexes_of,
    shape_of,
    tables_of,
)

Row = dict[str, str | None]
"""A row as text by column name."""


class Place(NamedTuple):
    """A column in which a value was found."""

    table: str
    """Quoted and qualified."""
    column: str
    """As the catalogue has it, not quoted."""

    @property
    def quoted(self) -> str:
        """The column as a quoted identifier."""
        return quote(self.column)

    @property
    def holders(self) -> str:
        """The clause that names the rows in which the column holds `$1` as text."""
        return f"from {self.table} where {self.quoted}::text = $1"

    def update_to(self, expression: str) -> str:
        """Return the statement that gives the column the value of an SQL expression in every row.

        A condition may be appended to it.
        """
        return f"update {self.table} set {self.quoted} = {expression}"  # noqa: S608 - quoted


def quote(name: str) -> str:
    """Return `name` as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


class Database:
    """The service's database, seen with all rights and through no proxy."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.cluster = cluster
        self.name = name

    @asynccontextmanager
    async def connection(self) -> AsyncIterator["asyncpg.Connection[Any]"]:
        """Open a superuser connection for the length of the block."""
        connection = await self.cluster.admin(self.name)
        try:
            yield connection
        finally:
            await connection.close(timeout=5)

    async def fetch(self, sql: str, *arguments: object) -> list[dict[str, Any]]:
        """Run one statement and return its rows."""
        async with self.connection() as connection:
            return [dict(row) for row in await connection.fetch(sql, *arguments, timeout=60)]

    async def execute(self, sql: str, *arguments: object) -> str:
        """Run one statement and return its command tag."""
        async with self.connection() as connection:
            return str(await connection.execute(sql, *arguments, timeout=120))

    async def attempt(
        self, sql: str, *arguments: object, keep: bool = False, lock_seconds: float = 0.5
    ) -> str | None:
        """Try one statement as the service's own role and say whether the database refuses it.

        Triggers run with the names and rights they have in production.

        Args:
            sql: the statement.
            *arguments: its parameters.
            keep: commit what it did; otherwise it is rolled back.
            lock_seconds: how long it may wait for a lock of the service.

        Returns:
            The SQLSTATE it was refused with, `55P03` for a lock; None when it went through.
        """
        connection = await self.cluster.connect(self.name)
        try:
            await connection.execute(f"set lock_timeout = {int(lock_seconds * 1000)}")
            transaction = connection.transaction()
            await transaction.start()
            try:
                await connection.execute(sql, *arguments, timeout=60)
                # Deferred constraints speak only now.
                await connection.execute("set constraints all immediate")
            except asyncpg.PostgresError as error:
                await transaction.rollback()
                return str(error.sqlstate)
            await (transaction.commit() if keep else transaction.rollback())
            return None
        finally:
            await connection.close(timeout=5)

    async def count(self, place: Place, value: str) -> int:
        """Rows in which `place` holds exactly `value` as text."""
        rows = await self.fetch(f"select count(*) as n {place.holders}", value)
        return int(rows[0]["n"])

    async def row(self, place: Place, value: str) -> Row:
        """The row in which `place` holds `value`, every column as text; empty where none does."""
        names = [column.name for column in await self.columns(place.table)]
        texts = ", ".join(f"{quote(name)}::text as {quote(name)}" for name in names)
        rows = await self.fetch(f"select {texts} {place.holders} limit 1", value)
        return rows[0] if rows else {}

    async def others(self, place: Place, value: str | None, *, most: int = 1) -> list[str]:
        """Up to `most` texts that `place` holds in rows where it does not hold `value`."""
        rows = await self.fetch(
            f"select {place.quoted}::text as other from {place.table}"  # noqa: S608 - quoted
            f" where {place.quoted}::text <> $1 order by 1 limit {int(most)}",
            value,
        )
        return [row["other"] for row in rows]

    async def whole_rows(self, table: str, *, most: int) -> list[str]:
        """Up to `most` rows of a table (quoted name), each as one text of all its columns."""
        rows = await self.fetch(
            f"select t::text as whole from {table} as t limit {int(most)}"  # noqa: S608 - quoted
        )
        return [row["whole"] for row in rows]

    def processor_seconds(self) -> float:
        """Seconds of processor time that the whole server has taken so far."""
        return self.cluster.processor_seconds()

    async def tables(self) -> list[str]:
        """Every table of the service, quoted and qualified."""
        async with self.connection() as connection:
            return list(await tables_of(connection))

    async def columns(self, table: str) -> list[Column]:
        """The columns of a table (quoted name), in order."""
        async with self.connection() as connection:
            return await columns_of(connection, table)

    async def indexes(self, table: str) -> list[Index]:
        """The indexes of a table (quoted name)."""
        async with self.connection() as connection:
            return await indexes_of(connection, table)

    async def constraints(self, table: str) -> list[Constraint]:
        """The constraints of a table (quoted name)."""
        async with self.connection() as connection:
            return await constraints_of(connection, table)

    async def shape(self) -> tuple[str, ...]:
        """The schema as sorted lines, so that two states can be compared."""
        async with self.connection() as connection:
            return await shape_of(connection)

    async def counts(self) -> dict[str, int]:
        """Rows of every table; what `changes nothing` is measured by."""
        async with self.connection() as connection:
            return {
                name: await connection.fetchval(f"select count(*) from {name}")  # noqa: S608 - quoted
                for name in await tables_of(connection)
            }

    async def locate(self, value: str) -> Place | None:
        """Find the column that holds exactly `value` as text, wherever the service put it."""
        return next(iter(await self.locate_all(value, most=1)), None)

    async def locate_all(self, value: str, *, most: int = 20) -> list[Place]:
        """Find up to `most` columns that hold exactly `value` as text."""
        found: list[Place] = []
        async with self.connection() as connection:
            places = [
                Place(table, column.name)
                for table in await tables_of(connection)
                for column in await columns_of(connection, table)
            ]
            for place in places:
                there = await connection.fetchval(f"select exists (select {place.holders})", value)
                found += [place] if there else []
                if len(found) >= most:
                    break
        return found

    async def multiply(
        self, place: Place, value: str, count: int, *, changes: Mapping[str, str] | None = None
    ) -> None:
        """Copy the row in which `place` holds `value` until there are `count` more of it.

        Keys and unique columns get values of their own.

        Args:
            place: where the row is, from `locate`.
            value: the text that marks the row.
            count: how many copies to add.
            changes: SQL expressions by column that may use `n`, from 1 to `count`.
        """
        changes = changes or {}
        names, expressions = [], []
        for column in await self.columns(place.table):
            expression = _copied(column, changes)
            if expression is not None:
                names.append(quote(column.name))
                expressions.append(expression)
        async with self.connection() as connection:
            # Triggers and references would be asked for every copy and are none of the matter.
            await connection.execute("set session_replication_role = replica")
            await connection.execute(
                f"insert into {place.table} ({', '.join(names)})"  # noqa: S608 - quoted
                f" select {', '.join(expressions)} from {place.table} as t,"
                f" generate_series(1, {int(count)}) as n where t.{place.quoted}::text = $1",
                value,
                timeout=120,
            )
            await connection.execute(f"analyze {place.table}", timeout=60)

    async def explain(self, statement: SqlStatement, *, full_scans: bool) -> Plan | None:
        """The plan of a captured statement with its own parameters; None where it has none.

        Without `full_scans` the planner reads a whole table only where no index can be used.
        """
        try:
            return await self.cluster.explain(
                self.name, statement.text, statement.parameters, full_scans=full_scans
            )
        except PlanUnavailableError:
            return None


def _copied(column: Column, changes: Mapping[str, str]) -> str | None:
    """The expression that fills a copied column, or None to leave it to its default."""
    if column.name in changes:
        return changes[column.name]
    own = f"t.{quote(column.name)}"
    drawn = column.generated or column.identity
    if drawn or (column.in_unique and column.has_default):
        return None
    if not column.in_unique:
        return own
    if column.type == "uuid":
        return "gen_random_uuid()"
    if column.type in {"smallint", "integer", "bigint"} or column.type.startswith("numeric"):
        return f"{own} + n"
    word = f"substr(md5(n::text || random()::text), 1, 20)::{column.type}"
    return "null" if column.nullable else word
