"""One connection: what is sent and read in pieces, and what makes it unfit for another request."""

import socket
from collections.abc import Iterator

import pytest

from acidtest.grader.load.connection import Connection, Flight, LostError
from acidtest.grader.load.reading import AnswerReader
from acidtest.grader.load.shots import Shot

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Pair = tuple[Connection, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """A connection and the other end of it."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    connection = Connection(ours, 0)
    connection.connected = True
    yield connection, theirs
    connection.close()
    theirs.close()


def _begin(connection: Connection, message: bytes) -> bool:
    flight = Flight(Shot(0, 0, (b"", b""), (), look=False), due=0.0, attended=0.0, target=0)
    return connection.begin(flight, message, AnswerReader(head_only=False, most=100))


def test_an_answer_in_pieces_is_whole_at_its_end(pair: Pair) -> None:
    """Nothing is told before the last byte came."""
    connection, theirs = pair
    assert not _begin(connection, b"GET")

    assert theirs.recv(10) == b"GET"
    assert connection.pull() is None
    theirs.sendall(OK[:20])
    assert connection.pull() is None
    theirs.sendall(OK[20:])
    reader = connection.pull()

    assert reader is not None
    assert bytes(reader.body) == b"ok"
    assert connection.sent


def test_an_early_answer_leaves_a_request_half_sent(pair: Pair) -> None:
    """Who answers before the body was read gets no other request in the midst of it."""
    connection, theirs = pair
    assert _begin(connection, b"x" * 8_000_000)

    theirs.sendall(OK)

    assert connection.pull() is not None
    assert not connection.sent


def test_a_large_request_goes_out_in_pieces(pair: Pair) -> None:
    """What does not fit waits until the other side reads."""
    connection, theirs = pair
    size = 3_000_000
    waiting = _begin(connection, b"x" * size)
    got = 0

    while got < size:
        got += len(theirs.recv(1_000_000))
        waiting = connection.push()

    assert not waiting
    assert connection.sent


def test_what_nobody_asked_for_ends_the_connection(pair: Pair) -> None:
    """Bytes on an idle connection, or its end, make it unfit."""
    connection, theirs = pair
    theirs.sendall(OK)

    with pytest.raises(LostError, match="nobody asked for"):
        connection.pull()


def test_an_end_before_any_byte_can_be_told(pair: Pair) -> None:
    """A server that closed while the request was on its way did not touch it."""
    connection, theirs = pair
    _begin(connection, b"GET")
    theirs.close()

    with pytest.raises(LostError, match=r"closed before|reset"):
        connection.pull()
    assert connection.untouched
