"""Connections that never wait for ever, and what counts as "cannot be reached"."""

import logging
import select
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg
from psycopg import errors
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row

from bookshelf.errors import Unavailable

log = logging.getLogger(__name__)

POOL_SIZE = 8
CONNECT_SECONDS = 2  # the driver's smallest
POOL_SECONDS = 2.5
ANSWER_SECONDS = 4.0
STATEMENT_MILLISECONDS = 3500  # the server gives up a little earlier than we do

Row = dict[str, Any]


class PatientConnection(psycopg.Connection[Row]):
    """Waits for an answer only so long, also when the server says nothing at all."""

    def wait(self, gen, interval=0.1, timeout=None):  # noqa: ANN001, ANN201
        return super().wait(gen, interval, timeout=timeout or ANSWER_SECONDS)


def _usable(connection: psycopg.Connection[Row]) -> bool:
    """Whether an idle connection is still open; something to read there is a farewell. Sends nothing."""
    if connection.closed:
        return False
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return not poll.poll(0)


class Pool:
    """At most `size` connections, made by the thread that needs one.

    A pool that connects in the background pauses longer and longer between its attempts, and would still
    be pausing when the database is back.
    """

    def __init__(self, url: str, size: int) -> None:
        self._url = url
        self._places = threading.BoundedSemaphore(size)
        self._idle: deque[PatientConnection] = deque()

    @contextmanager
    def connection(self) -> Iterator[PatientConnection]:
        """A connection for one statement."""
        if not self._places.acquire(timeout=POOL_SECONDS):
            raise psycopg.OperationalError("all connections are busy")
        try:
            connection = self._idle_one() or self._new_one()
            try:
                yield connection
            finally:
                if connection.info.transaction_status == TransactionStatus.IDLE:
                    self._idle.append(connection)
                else:
                    connection.close()
        finally:
            self._places.release()

    def close(self) -> None:
        """End the idle connections."""
        while self._idle:
            self._idle.pop().close()

    def _idle_one(self) -> PatientConnection | None:
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return None
            if _usable(connection):
                return connection
            connection.close()

    def _new_one(self) -> PatientConnection:
        return PatientConnection.connect(
            self._url,
            autocommit=True,
            row_factory=dict_row,
            connect_timeout=CONNECT_SECONDS,
            options=f"-c statement_timeout={STATEMENT_MILLISECONDS} -c timezone=UTC",
            application_name="bookshelf",
        )


class Database:
    """Runs single statements, each its own transaction."""

    def __init__(self, url: str) -> None:
        self._pool = Pool(url, POOL_SIZE)

    def rows(self, statement: LiteralString, values: Row | None = None) -> list[Row]:
        """Run one statement.

        Raises:
            Unavailable: the database cannot be reached, or does not answer in time.
            psycopg.IntegrityError: the database refuses the values.
        """
        try:
            with self._pool.connection() as connection:
                return connection.execute(statement, values).fetchall()
        except (errors.IntegrityError, errors.DataError, errors.ProgrammingError):
            raise
        except (psycopg.Error, OSError) as error:
            log.warning("the database is not reachable", extra={"fields": {"error": type(error).__name__}})
            raise Unavailable from None

    def close(self) -> None:
        """Give the connections back."""
        self._pool.close()
