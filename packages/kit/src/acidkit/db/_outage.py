"""Tells apart what a failing database means for the client: try again, or a bug of ours."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from acidkit.errors import Busy, InvalidInput, Problem, Unavailable

# SQLSTATE classes and codes: https://www.postgresql.org/docs/15/errcodes-appendix.html
GONE = ("08", "28", "3D", "53", "57P", "58", "XX")
CROWDED = ("40001", "40P01", "55P03", "57014")
UNFIT = ("22",)


def constraint_of(error: DBAPIError) -> str | None:
    """Return the name of the constraint that a statement broke, or None."""
    cause = error.orig.__cause__ if error.orig else None
    return getattr(cause, "constraint_name", None)


@contextmanager
def told_apart() -> Iterator[None]:
    """Raise a Problem in place of any database failure the caller may expect in production.

    Constraint violations pass: they are the repository's to name. Unknown errors pass too, as bugs.
    """
    try:
        yield
    except PoolTimeout as error:
        raise Busy("All database connections are in use.") from error
    except DBAPIError as error:
        problem = _problem_of(error)
        if problem is None:
            raise
        raise problem from error
    except asyncpg.PostgresError as error:
        raise Unavailable("The database does not accept connections.") from error
    except (OSError, asyncpg.InterfaceError) as error:
        # TimeoutError is an OSError: a silent server and a refused connection end here.
        raise Unavailable("The database does not answer.") from error


def _problem_of(error: DBAPIError) -> Problem | None:
    state = str(getattr(error.orig, "sqlstate", None) or "")
    if state.startswith(CROWDED):
        return Busy("The database is too busy with other work on the same data.")
    if state.startswith(UNFIT):
        return InvalidInput("A value does not fit what can be stored.")
    if error.connection_invalidated or state.startswith(GONE):
        return Unavailable("The database does not serve us.")
    cause = error.orig.__cause__ if error.orig else None
    silent = isinstance(cause, (OSError, asyncio.TimeoutError, asyncpg.InterfaceError))
    if silent or (not state and isinstance(error, (InterfaceError, OperationalError))):
        return Unavailable("The database does not answer.")
    return None
