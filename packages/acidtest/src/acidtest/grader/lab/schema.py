"""The schema of a database as the catalogue tells it: what checks compare and reports show."""

from typing import Any, NamedTuple

_OURS = "('pg_catalog', 'information_schema', 'pg_toast')"
_TABLES = f"""
select format('%I.%I', n.nspname, c.relname) as name
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and n.nspname not in {_OURS} and n.nspname !~ '^pg_'
order by 1
"""  # noqa: S608 - a constant of this module
_COLUMNS = """
select a.attname as name, format_type(a.atttypid, a.atttypmod) as type,
       not a.attnotnull as nullable, a.atthasdef or a.attidentity <> '' as has_default,
       a.attidentity <> '' as identity, a.attgenerated <> '' as generated,
       exists (select from pg_index i where i.indrelid = a.attrelid and i.indisunique
               and a.attnum = any(i.indkey::int2[])) as in_unique
from pg_attribute a
where a.attrelid = ($1)::regclass and a.attnum > 0 and not a.attisdropped
order by a.attnum
"""
_INDEXES = """
select i.indexrelid::regclass::text as name, i.indisunique as unique, i.indisvalid as valid,
       pg_get_expr(i.indpred, i.indrelid) as predicate, m.amname as method,
       array(select coalesce(a.attname::text, pg_get_indexdef(i.indexrelid, k.n::int, true))
             from unnest(i.indkey::int2[]) with ordinality as k(attnum, n)
             left join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
             where k.n <= i.indnkeyatts order by k.n) as columns
from pg_index i join pg_class c on c.oid = i.indexrelid join pg_am m on m.oid = c.relam
where i.indrelid = ($1)::regclass
order by 1
"""
_CONSTRAINTS = """
select conname as name, contype::text as type, pg_get_constraintdef(oid) as definition
from pg_constraint where conrelid = ($1)::regclass order by 1
"""


class Column(NamedTuple):
    """One column as the catalogue describes it."""

    name: str
    type: str
    nullable: bool
    has_default: bool
    identity: bool
    generated: bool
    in_unique: bool


class Index(NamedTuple):
    """One index as the catalogue describes it; `columns` are its key columns in order."""

    name: str
    unique: bool
    valid: bool
    predicate: str | None
    method: str
    columns: list[str]


class Constraint(NamedTuple):
    """One constraint; `type` is p, u, f, c or x as in `pg_constraint`."""

    name: str
    type: str
    definition: str


async def tables_of(connection: Any) -> tuple[str, ...]:
    """Every table that is not PostgreSQL's own, as a quoted and qualified name."""
    return tuple(row["name"] for row in await connection.fetch(_TABLES))


async def columns_of(connection: Any, table: str) -> list[Column]:
    """The columns of a table, in order."""
    return [Column(**dict(row)) for row in await connection.fetch(_COLUMNS, table)]


async def indexes_of(connection: Any, table: str) -> list[Index]:
    """The indexes of a table."""
    return [Index(**dict(row)) for row in await connection.fetch(_INDEXES, table)]


async def constraints_of(connection: Any, table: str) -> list[Constraint]:
    """The constraints of a table."""
    return [Constraint(**dict(row)) for row in await connection.fetch(_CONSTRAINTS, table)]


async def shape_of(connection: Any) -> tuple[str, ...]:
    """The schema as sorted lines, so that two states can be compared and their difference shown."""
    lines: list[str] = []
    for table in await tables_of(connection):
        lines += [
            f"{table} column {c.name} {c.type} {'null' if c.nullable else 'not null'}"
            for c in await columns_of(connection, table)
        ]
        lines += [
            f"{table} {'unique ' if i.unique else ''}index {i.name} ({', '.join(i.columns)})"
            for i in await indexes_of(connection, table)
        ]
        lines += [
            f"{table} constraint {c.name} {c.definition}"
            for c in await constraints_of(connection, table)
        ]
    return tuple(sorted(lines))
