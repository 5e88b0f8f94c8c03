"""Which scheme a submission's code needs in DATABASE_URL, since drivers disagree."""

import re
from typing import NamedTuple

from acidtest.grader.lab.recipe.sources import Sources

PLAIN = "postgresql"
_DRIVER = re.compile(r"postgres(?:ql)?\+([a-z0-9_]+)://")
_REWRITES = re.compile(
    r"""replace\(\s*["']postgres(?:ql)?://|startswith\(\s*\(?["']postgres(?:ql)?://"""
    r"""|drivername\s*=|re\.sub\(\s*r?["']\^?postgres"""
)
_ASYNC_ENGINE = re.compile(r"create_async_engine|async_engine_from_config|SQLALCHEMY_ASYNC")
_SYNC_ENGINE = re.compile(r"\bcreate_engine\(|flask_sqlalchemy|engine_from_config")
_ASYNC_DRIVERS = ("asyncpg", "psycopg", "aiopg")
_HINTS = (
    ".env.example",
    ".env.sample",
    ".env.template",
    ".env",
    "docker-compose.yml",
    "docker-compose.yaml",
    "compose.yml",
    "compose.yaml",
    "alembic.ini",
    "README.md",
)


class Scheme(NamedTuple):
    """The scheme, and why it was chosen when it is not the plain one."""

    name: str
    note: str | None = None


def scheme_of(sources: Sources, packages: frozenset[str]) -> Scheme:
    """Return the scheme under which DATABASE_URL should be offered to this Python code."""
    code = "\n".join(sources.python.values())
    if "tortoise" in packages:
        return Scheme("postgres", "Tortoise ORM reads DATABASE_URL as `postgres://`")
    if _REWRITES.search(code):
        return Scheme(PLAIN)
    spelled = _DRIVER.findall(code)
    spelled += [driver for name in _HINTS for driver in _DRIVER.findall(sources.text(name) or "")]
    if _ASYNC_ENGINE.search(code):
        driver = _first(_ASYNC_DRIVERS, spelled) or _first(_ASYNC_DRIVERS, packages) or "asyncpg"
        return Scheme(
            f"{PLAIN}+{driver}",
            f"it makes an async SQLAlchemy engine; DATABASE_URL is offered as `{PLAIN}+{driver}://`",
        )
    if not _SYNC_ENGINE.search(code):
        return Scheme(PLAIN)
    sync = [driver for driver in spelled if driver != "asyncpg"]
    newer_only = "psycopg" in packages and not packages & {"psycopg2", "psycopg2-binary"}
    driver = sync[0] if sync else "psycopg" if newer_only else ""
    if not driver:
        return Scheme(PLAIN)
    return Scheme(
        f"{PLAIN}+{driver}",
        f"DATABASE_URL is offered as `{PLAIN}+{driver}://`, as its code spells it",
    )


def _first(wanted: tuple[str, ...], among: list[str] | frozenset[str]) -> str | None:
    return next((driver for driver in wanted if driver in among), None)
