"""However a stream is cut into pieces, the same is read from it and the same bytes go on."""

import struct
from collections.abc import Callable, Iterable
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acidtest.core.clock import RunClock
from acidtest.core.evidence import RedisCommand, SqlStatement
from acidtest.grader.lab.journal import Journal
from acidtest.grader.lab.proxy.gate import Gatehouse
from acidtest.grader.lab.proxy.pg_backend import Backend
from acidtest.grader.lab.proxy.pg_frontend import Frontend, ProtocolError
from acidtest.grader.lab.proxy.pg_ledger import Awaited, Kind, Ledger
from acidtest.grader.lab.proxy.pg_login import Door
from acidtest.grader.lab.proxy.pg_statement import Execution, Statement
from acidtest.grader.lab.proxy.postgres_proxy import PostgresProxy
from acidtest.grader.lab.proxy.redis_conversation import RedisConversation
from acidtest.grader.lab.proxy.redis_proxy import RedisProxy
from acidtest.grader.lab.proxy.resp_reply import ReplyReader
from acidtest.grader.lab.proxy.resp_request import RequestReader, RespError


class RecordingPipe:
    """Keeps what is pushed."""

    def __init__(self) -> None:
        self.sent = b""
        self.full = False

    def push(
        self, data: bytes, *, hold: object = None, on_sent: Callable[[], None] | None = None
    ) -> None:
        """Keep it."""
        assert hold is None
        self.sent += data
        if on_sent is not None:
            on_sent()


class RecordingLink:
    """A link without sockets."""

    def __init__(self) -> None:
        self.number = 1
        self.replica = "r"
        self.up = RecordingPipe()
        self.down = RecordingPipe()
        self.cut_for = ""

    def cut(self, reason: str) -> None:
        """Note why."""
        self.cut_for = reason


def pieces(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    """`data` cut at the given places."""
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[a:b] for a, b in pairwise(places)]


def message(kind: str, body: bytes) -> bytes:
    """One PostgreSQL message."""
    return kind.encode() + struct.pack("!I", len(body) + 4) + body


def extended(text: str, *values: str) -> bytes:
    """Parse, Bind, Describe, Execute of an unnamed statement with text values."""
    bound = b"".join(struct.pack("!I", len(v.encode())) + v.encode() for v in values)
    return b"".join(
        (
            message("P", b"\0" + text.encode() + b"\0\0\0"),
            message("B", b"\0\0\0\0" + struct.pack("!H", len(values)) + bound + b"\0\0"),
            message("D", b"P\0"),
            message("E", b"\0\0\0\0\0"),
        )
    )


SYNC = message("S", b"")
NOWHERE = Door("nobody", "", "nothing")
READY = message("Z", b"I")
BOUND = message("1", b"") + message("2", b"") + message("T", b"\0\0")

ASKED = (
    message("Q", b"BEGIN\0")
    + extended("SELECT a FROM t WHERE b = $1", "x" * 300)
    + SYNC
    + extended("INSERT INTO t VALUES ($1, $2)", "1", "")
    + extended("UPDATE broken", "2")
    + extended("UPDATE t SET a = $1", "never run")
    + SYNC
    + message("Q", b"ROLLBACK\0")
    + message("Q", b"INSERT INTO t VALUES ('" + b"y" * 100_000 + b"')\0")
    + message("X", b"")
)
ANSWERED = (
    message("C", b"BEGIN\0") + message("Z", b"T")
    + BOUND + message("D", b"\0\1" + b"\0\0\0\5aaaaa") * 3 + message("C", b"SELECT 3\0")
    + message("N", b"SNOTICE\0\0") + message("Z", b"T")
    + BOUND + message("C", b"INSERT 0 1\0")
    + message("E", b"SERROR\0C42601\0Msyntax\0\0") + message("Z", b"E")
    + message("C", b"ROLLBACK\0") + READY
    + message("C", b"INSERT 0 1\0") + READY
)  # fmt: skip
EXPECTED = [
    ("BEGIN", (), 0, None),
    ("SELECT a FROM t WHERE b = $1", ("x" * 300,), 3, None),
    ("INSERT INTO t VALUES ($1, $2)", ("1", ""), 1, None),
    ("UPDATE broken", ("2",), None, "42601 syntax"),
    ("UPDATE t SET a = $1", ("never run",), None, "not run: an earlier statement of the same"),
    ("ROLLBACK", (), 0, None),
    ("INSERT INTO t VALUES ('yyy", (), 1, None),
]

cuts = st.lists(st.integers(min_value=0, max_value=200_000), max_size=30)


@given(cuts, cuts)
def test_postgres_is_read_alike_however_it_comes(asking: list[int], answering: list[int]) -> None:
    """Statements, values, rows and errors do not depend on how the streams were cut."""
    clock = RunClock()
    journal = Journal(clock)
    proxy = PostgresProxy("/nowhere", journal=journal, clock=clock, door=NOWHERE)
    link: Any = RecordingLink()
    ledger = Ledger(proxy, clock.now)
    frontend = Frontend(link, ledger, proxy.gates, counts=proxy, now=clock.now)
    backend = Backend(link, ledger)
    for piece in pieces(ASKED, asking):
        frontend.feed(piece)
    for piece in pieces(ANSWERED, answering):
        backend.feed(piece)
    assert link.up.sent == ASKED
    assert link.down.sent == ANSWERED
    seen = [(s.text, s.parameters, s.rows, s.error) for s in journal.sql() if s.text]
    seen.sort(key=lambda one: [text for text, *_ in EXPECTED].index(_known(one[0])))
    for got, wanted in zip(seen, EXPECTED, strict=True):
        assert got[0].startswith(wanted[0])
        assert got[1:3] == wanted[1:3]
        assert (got[3] or "").startswith(wanted[3] or "")
    assert ledger.under_way() == ()
    assert (proxy.round_trips, proxy.transactions) == (5, 2)


def _known(text: str) -> str:
    return next(known for known, *_ in EXPECTED if text.startswith(known))


COMMANDS = (
    b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$5\r\nhello\r\n"
    b"GET a\r\n"
    b"\r\n"
    b"*2\r\n$3\r\nGET\r\n$1\r\nb\r\n"
    b"*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n$100000\r\n" + b"z" * 100_000 + b"\r\n"
    b"*1\r\n$5\r\nMULTI\r\n*2\r\n$3\r\nGET\r\n$1\r\na\r\n*1\r\n$4\r\nEXEC\r\n"
    b"*3\r\n$4\r\nMGET\r\n$1\r\na\r\n$1\r\nb\r\n"
    b"*2\r\n$7\r\nHGETALL\r\n$1\r\nh\r\n"
)
REPLIES = (
    b"+OK\r\n$5\r\nhello\r\n$-1\r\n+OK\r\n+OK\r\n+QUEUED\r\n*1\r\n$5\r\nhello\r\n"
    b">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\na\r\n"
    b"*2\r\n$5\r\nhello\r\n_\r\n"
    b"%1\r\n$1\r\nf\r\n$70000\r\n" + b"q" * 70_000 + b"\r\n"
)
COMMANDS_SEEN = [
    ("SET", ("a", "hello"), "OK", None),
    ("GET", ("a",), "5 bytes", True),
    ("GET", ("b",), "nil", False),
    ("SET", ("big", "z" * 200 + "…"), "OK", None),
    ("MULTI", (), "OK", None),
    ("GET", ("a",), "5 bytes", True),
    ("EXEC", (), "1 elements", None),
    ("MGET", ("a", "b"), "2 elements", False),
    ("HGETALL", ("h",), "2 elements", True),
]


@given(cuts, cuts)
def test_redis_is_read_alike_however_it_comes(asking: list[int], answering: list[int]) -> None:
    """Commands, replies, hits and misses do not depend on how the streams were cut."""
    clock = RunClock()
    journal = Journal(clock)
    proxy = RedisProxy("/nowhere", journal=journal, clock=clock)
    link: Any = RecordingLink()
    conversation = RedisConversation(link, proxy.gates, proxy, now=clock.now, open_door=False)
    for piece in pieces(COMMANDS, asking):
        conversation.from_client(piece)
    for piece in pieces(REPLIES, answering):
        conversation.from_server(piece)
    assert link.cut_for == ""
    assert link.up.sent == COMMANDS
    assert link.down.sent == REPLIES
    moments = [m for m in journal._moments if isinstance(m, RedisCommand)]
    assert [(m.command, m.arguments, m.reply, m.hit) for m in moments] == COMMANDS_SEEN
    assert (proxy.hits(), proxy.misses()) == (4, 2)


@given(cuts)
def test_open_door_rewrites_alike_however_it_comes(answering: list[int]) -> None:
    """The reply that stands for AUTH's is put in its place wherever the server's was cut."""
    proxy = RedisProxy("/nowhere", journal=Journal(RunClock()), clock=RunClock())
    link: Any = RecordingLink()
    conversation = RedisConversation(link, proxy.gates, proxy, now=float, open_door=True)
    conversation.from_client(b"GET a\r\nAUTH x\r\nAUTH u x\r\nGET b\r\n")
    assert link.up.sent.count(b"PING") == 2
    for piece in pieces(b"$1\r\nA\r\n+PONG\r\n+PONG\r\n$1\r\nB\r\n", answering):
        conversation.from_server(piece)
    assert link.down.sent == b"$1\r\nA\r\n+OK\r\n+OK\r\n$1\r\nB\r\n"


@given(st.binary(max_size=200), cuts)
def test_nonsense_ends_in_one_kind_of_error(data: bytes, places: list[int]) -> None:
    """Whatever bytes come, each reader passes them, waits for more, or says that they are wrong."""
    journal = Journal(RunClock())
    link: Any = RecordingLink()
    counts = SimpleNamespace(round_trips=0)
    book = PostgresProxy("/nowhere", journal=journal, clock=RunClock(), door=NOWHERE)
    ledger = Ledger(book, float)
    for kind in (Kind.QUERY, Kind.PARSE, Kind.SYNC):
        ledger.expect(Awaited(kind))
    requests, replies = RequestReader(), ReplyReader()
    readers: list[Callable[[bytes], object]] = [
        Frontend(link, ledger, Gatehouse(journal, ""), counts=counts, now=float).feed,
        Backend(link, ledger).feed,
        lambda piece: list(requests.feed(piece)),
        lambda piece: list(replies.feed(piece)),
    ]
    for feed in readers:
        try:
            for piece in pieces(data, places):
                feed(piece)
        except (ProtocolError, RespError):
            continue


def test_a_command_of_a_million_words_is_not_kept() -> None:
    """However many words a command has, a reader holds on to a bounded part of them."""
    reader = RequestReader()
    words = 300_000
    seen = list(reader.feed(b"*%d\r\n" % words + b"$1\r\nx\r\n" * 10_000))
    assert [request.first for request in seen] == [True]
    for _ in range(words // 10_000 - 1):
        seen += reader.feed(b"$1\r\nx\r\n" * 10_000)
    assert len(reader._kept) < 100
    assert len(seen[0].words) <= 64
    assert seen[0].total == words
    (last,) = reader.feed(b"PING\r\n")
    assert last.words == (b"PING",)


@pytest.mark.parametrize(
    "data",
    [b"*1\r\n+x\r\n", b"*1\r\n$x\r\n", b"*2\r\n$-1\r\n", b"*9999999\r\n", b"*1\r\n$999999999\r\n"],
)
def test_impossible_commands_are_refused(data: bytes) -> None:
    """Lengths that Redis itself would not take end the reading."""
    with pytest.raises(RespError):
        list(RequestReader().feed(data))


@pytest.mark.parametrize("data", [b"Q\0\0\0\3", b"Q\0\0\0\0", b"S\0\0\0\1x"])
def test_impossible_messages_are_refused(data: bytes) -> None:
    """A length smaller than its own four bytes ends the reading."""
    link: Any = RecordingLink()
    book: Any = SimpleNamespace(round_trips=0)
    frontend = Frontend(
        link, Ledger(book, float), Gatehouse(Journal(RunClock()), ""), counts=book, now=float
    )
    with pytest.raises(ProtocolError):
        frontend.feed(data)


def test_copy_swallows_the_sync_that_came_with_it() -> None:
    """After COPY FROM STDIN by the extended protocol answers still belong to their questions."""
    clock = RunClock()
    journal = Journal(clock)
    proxy = PostgresProxy("/nowhere", journal=journal, clock=clock, door=NOWHERE)
    link: Any = RecordingLink()
    ledger = Ledger(proxy, clock.now)
    frontend = Frontend(link, ledger, proxy.gates, counts=proxy, now=clock.now)
    backend = Backend(link, ledger)
    frontend.feed(extended("COPY t FROM STDIN") + SYNC)
    backend.feed(
        message("1", b"") + message("2", b"") + message("n", b"") + message("G", b"\0\0\0")
    )
    frontend.feed(message("d", b"1\n") + message("c", b"") + SYNC)
    backend.feed(message("C", b"COPY 1\0") + READY)
    frontend.feed(message("Q", b"SELECT 1\0"))
    backend.feed(message("C", b"SELECT 1\0") + READY)
    statements = [m for m in journal.since(0) if isinstance(m, SqlStatement)]
    assert [(s.text, s.rows) for s in statements] == [("COPY t FROM STDIN", 1), ("SELECT 1", 1)]


def ledger_of(proxy: PostgresProxy, text: str, *kinds: Kind) -> tuple[Ledger, Execution]:
    """A ledger that awaits one statement of the extended protocol and then messages of `kinds`."""
    ledger = Ledger(proxy, float)
    execution = Execution(Statement(1, "r", text, 0.0, in_transaction=False, simple=False))
    ledger.expect(Awaited(Kind.EXECUTE, execution))
    for kind in kinds:
        ledger.expect(Awaited(kind))
    return ledger, execution


@pytest.mark.parametrize("text", ["INSERT INTO t VALUES (1)", "COMMIT"])
async def test_a_write_is_settled_only_when_its_commit_is(text: str) -> None:
    """Outside a block CommandComplete comes before the commit; only ReadyForQuery proves it."""
    journal = Journal(RunClock())
    proxy = PostgresProxy("/nowhere", journal=journal, clock=RunClock(), door=NOWHERE)
    link: Any = RecordingLink()
    ledger, execution = ledger_of(proxy, text, Kind.SYNC)
    gate = proxy.gate(lambda _: True)
    execution.request_hold = hold = gate.take(execution.statement, link)
    assert hold is not None
    ledger.answer(ord("C"), b"INSERT 0 1\0")
    assert await hold.settled(timeout=0) is (text == "COMMIT")
    ledger.answer(ord("Z"), b"I")
    assert await hold.settled(timeout=0) is True


def test_after_an_error_the_server_ignores_all_until_sync() -> None:
    """Messages that come after an error and before the Sync are answered by nobody."""
    journal = Journal(RunClock())
    proxy = PostgresProxy("/nowhere", journal=journal, clock=RunClock(), door=NOWHERE)
    ledger, _ = ledger_of(proxy, "SELECT 1/0")
    ledger.answer(ord("E"), b"SERROR\0C22012\0Mdivision by zero\0\0")
    late = Execution(Statement(1, "r", "SELECT 2", 0.0, in_transaction=False, simple=False))
    ledger.expect(Awaited(Kind.EXECUTE, late))
    assert ledger.under_way() == ()
    ledger.expect(Awaited(Kind.SYNC))
    ledger.answer(ord("Z"), b"I")
    errors = [(s.text, (s.error or "")[:7]) for s in journal.sql()]
    assert errors == [("SELECT 1/0", "22012 d"), ("SELECT 2", "not run")]
