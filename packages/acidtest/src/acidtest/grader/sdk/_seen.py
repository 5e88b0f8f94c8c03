"""What the database and the cache saw during a stretch of a check."""

import re
from collections.abc import Sequence

from acidtest.core.evidence import HttpExchange, LogLine, Moment, RedisCommand, SqlStatement

_BOOKKEEPING = re.compile(
    r"""^\s*(?:/\*.*?\*/\s*)*(?:
      begin|start\s+transaction|commit|end\b|rollback|abort|savepoint|release|set\b|reset\b|show\b
    | discard|deallocate|unlisten|listen|close\b|prepare\s+transaction
    | select\s+(?:1|pg_advisory\w*\(.*|current_\w+(?:\(\))?|version\(\)|pg_catalog\.version\(\)
        |set_config\(.*|pg_catalog\.set_config\(.*|pg_is_in_recovery\(\))
        (?:\s+as\s+\S+)?\s*;?\s*$
    | ;?\s*$
    )""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
_CATALOGUE = re.compile(r"\b(?:pg_catalog|information_schema|pg_type|pg_class)\b", re.IGNORECASE)
_WRITE = re.compile(
    r"\b(?:insert\s+into|update|delete\s+from|merge\s+into|truncate)\b", re.IGNORECASE
)


def is_bookkeeping(statement: str) -> bool:
    """Whether a statement is a driver's own housekeeping rather than work on the data.

    Transactions, settings, pings and catalogue look-ups differ between drivers and say nothing
    about the service, so budgets and slopes leave them out.
    """
    return bool(_BOOKKEEPING.match(statement) or _CATALOGUE.search(statement))


def is_write(statement: str) -> bool:
    """Whether a statement changes rows, as far as its text tells."""
    return bool(_WRITE.search(statement))


class Seen:
    """The moments of one stretch, sorted by kind."""

    def __init__(self, moments: Sequence[Moment]) -> None:
        self.moments = tuple(moments)

    @property
    def sql(self) -> list[SqlStatement]:
        """Every statement, housekeeping included."""
        return [m for m in self.moments if isinstance(m, SqlStatement)]

    @property
    def work(self) -> list[SqlStatement]:
        """Statements that work on the data."""
        return [m for m in self.sql if not is_bookkeeping(m.text)]

    @property
    def reads(self) -> list[SqlStatement]:
        """Statements that work on the data and change nothing."""
        return [m for m in self.work if not is_write(m.text)]

    @property
    def writes(self) -> list[SqlStatement]:
        """Statements that change rows."""
        return [m for m in self.work if is_write(m.text)]

    @property
    def redis(self) -> list[RedisCommand]:
        """Every command the cache was sent."""
        return [m for m in self.moments if isinstance(m, RedisCommand)]

    @property
    def http(self) -> list[HttpExchange]:
        """Every request of the judge."""
        return [m for m in self.moments if isinstance(m, HttpExchange)]

    @property
    def log(self) -> list[LogLine]:
        """Every line the service logged."""
        return [m for m in self.moments if isinstance(m, LogLine)]
