"""What this process heard about additions: the lowest revision a list may have to be served.

It hears of its own, and of everybody's through PostgreSQL's notifications; so it also knows of a book
that was added while Redis could not be told.
"""

import logging
import threading

import psycopg

from bookshelf.database import PatientConnection

log = logging.getLogger(__name__)

_PAUSE_SECONDS = 0.5


class Revision:
    """A number that only grows, unless the database itself went back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._newest = 0

    @property
    def newest(self) -> int:
        """The newest addition heard of."""
        return self._newest

    def heard(self, revision: int) -> None:
        """Somebody added a book."""
        with self._lock:
            self._newest = max(self._newest, revision)

    def went_back(self, revision: int) -> None:
        """The database answered with less than was known before it was asked: it was restored."""
        with self._lock:
            self._newest = revision


def listen(url: str, revision: Revision) -> threading.Event:
    """Hear of additions from now on, in a thread of its own; the event says that it began."""
    begun = threading.Event()
    threading.Thread(target=_for_ever, args=(url, revision, begun), daemon=True).start()
    begun.wait(1)
    return begun


def _for_ever(url: str, revision: Revision, begun: threading.Event) -> None:
    pause = threading.Event()
    while True:
        try:
            _hear(url, revision, begun)
        except (psycopg.Error, ValueError, OSError) as error:
            log.warning("not listening for additions", extra={"fields": {"error": type(error).__name__}})
        pause.wait(_PAUSE_SECONDS)


def _hear(url: str, revision: Revision, begun: threading.Event) -> None:
    with PatientConnection.connect(
        url, autocommit=True, connect_timeout=2, application_name="bookshelf listener"
    ) as connection:
        connection.execute("LISTEN shelf")
        # Whatever was added while nobody listened.
        [(newest,)] = connection.execute("SELECT coalesce(max(revision), 0) FROM shelf").fetchall()
        revision.heard(newest)
        begun.set()
        # `notifies` ends when nothing came for the time a patient connection waits.
        while True:
            for notice in connection.notifies(timeout=3600):
                revision.heard(int(notice.payload))
