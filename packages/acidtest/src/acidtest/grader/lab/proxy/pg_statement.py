"""A statement on its way: what gates look at and what becomes a record when it is done."""

from dataclasses import dataclass, field

from acidtest.grader.lab.proxy import sql_words
from acidtest.grader.lab.proxy.gate import Hold
from acidtest.grader.lab.proxy.pg_values import as_text


@dataclass(slots=True, eq=False)
class Prepared:
    """A statement the client prepared, and its parameter types as far as they are known."""

    text: str
    oids: tuple[int, ...] = ()


@dataclass(slots=True, eq=False)
class Portal:
    """A prepared statement with values bound to it."""

    prepared: Prepared
    formats: tuple[int, ...] = ()
    values: tuple[bytes | None, ...] = ()

    def parameters(self) -> tuple[str | None, ...]:
        """The values as text, as well as their types are known by now."""
        return tuple(
            as_text(value, binary=self._binary(place), oid=self._oid(place))
            for place, value in enumerate(self.values)
        )

    def _binary(self, place: int) -> bool:
        if len(self.formats) == 1:
            return self.formats[0] == 1
        return place < len(self.formats) and self.formats[place] == 1

    def _oid(self, place: int) -> int:
        oids = self.prepared.oids
        return oids[place] if place < len(oids) else 0


@dataclass(slots=True, eq=False)
class Statement:
    """One execution of a statement (or one simple query, with all statements in its text).

    Attributes:
        connection: the proxy's number of the connection.
        at: when it was passed on to the server; when it came, as long as it has not been.
        in_transaction: whether it came inside a transaction block that an earlier one began.
        simple: it came as a simple query, so it may be several statements in one text.
    """

    connection: int
    replica: str
    text: str
    at: float
    in_transaction: bool
    simple: bool
    portal: Portal | None = field(default=None, repr=False)

    @property
    def parameters(self) -> tuple[str | None, ...]:
        """The bound values as text."""
        return () if self.portal is None else self.portal.parameters()

    @property
    def keyword(self) -> str:
        """The first word in capitals, such as `SELECT`."""
        return sql_words.first_word(sql_words.bare(self.text))

    @property
    def parts(self) -> tuple[str, ...]:
        """The statements in the text, with everything quoted blanked."""
        return sql_words.parts(self.text)

    @property
    def is_write(self) -> bool:
        """Whether it inserts, updates, deletes, merges, truncates or copies rows in."""
        return sql_words.changes_rows(self.text)

    @property
    def is_commit(self) -> bool:
        """Whether it is, or contains, an explicit COMMIT."""
        return sql_words.commits(self.text)

    @property
    def is_utility(self) -> bool:
        """Whether it is only what drivers and pools say: SET, BEGIN, look-ups in the catalog."""
        return sql_words.is_utility(self.text)

    @property
    def makes_durable(self) -> bool:
        """Whether its success makes changes last: a COMMIT, or a write outside a transaction."""
        return self.is_commit or (self.is_write and not self.in_transaction)

    def __str__(self) -> str:
        return " ".join(self.text.split())

    def mentions(self, name: str) -> bool:
        """Whether a table or column of that name is in its text."""
        return sql_words.mentions(self.text, name)


@dataclass(slots=True, eq=False)
class Execution:
    """A statement whose answer is awaited, and the gates that hold it or its answer."""

    statement: Statement
    rows: int = 0
    delivered: int = 0
    finished_at: float | None = None
    error: str | None = None
    request_hold: Hold[Statement] | None = None
    reply_hold: Hold[Statement] | None = None

    def arrive(self) -> None:
        """Tell a reply gate that the server is done with it."""
        if self.reply_hold is not None:
            self.reply_hold.arrive()

    def settle(self, *, done: bool) -> None:
        """Tell its gates that the server is done with it for good, or that nobody will know."""
        for hold in (self.request_hold, self.reply_hold):
            if hold is not None:
                hold.settle(done=done)
        if done:
            self.arrive()
