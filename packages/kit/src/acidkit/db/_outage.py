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


def constraint_of(error: DBAPIError | asyncpg.PostgresError) -> str | None:
    """Return the name of the constraint that a statement broke, or None."""
    if isinstance(error, DBAPIError):
        return getattr(error.orig.__cause__ if error.orig else None, "constraint_name", None)
    return getattr(error, "constraint_name", None)


def sqlstate_of(error: BaseException) -> str:
    """Return the five characters in which PostgreSQL says what is wrong, or an empty text."""
    source = error.orig if isinstance(error, DBAPIError) else error
    return str(getattr(source, "sqlstate", None) or "")


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
        # The driver's own: from opening a connection, or from statements that are sent directly.
        problem = _problem_of_state(sqlstate_of(error))
        if problem is None:
            raise
        raise problem from error
    except (OSError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        # TimeoutError is an OSError: a silent server and a refused connection end here.
        raise Unavailable("The database does not answer.") from error


def _problem_of(error: DBAPIError) -> Problem | None:
    state = sqlstate_of(error)
    problem = _problem_of_state(state)
    if problem:
        return problem
    if error.connection_invalidated:
        return Unavailable("The database does not serve us.")
    cause = error.orig.__cause__ if error.orig else None
    silent = isinstance(cause, (OSError, asyncio.TimeoutError, asyncpg.InterfaceError))
    if silent or (not state and isinstance(error, (InterfaceError, OperationalError))):
        return Unavailable("The database does not answer.")
    return None


def _problem_of_state(state: str) -> Problem | None:
    if state.startswith(CROWDED):
        return Busy("The database is too busy with other work on the same data.")
    if state.startswith(UNFIT):
        return InvalidInput("A value does not fit what can be stored.")
    if state.startswith(GONE):
        return Unavailable("The database does not serve us.")
    return None
