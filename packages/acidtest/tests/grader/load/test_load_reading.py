"""Reading answers: however the bytes are cut the answer is the same, and what is none is named."""

from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acidtest.grader.load.reading import AnswerReader, BadAnswerError

OK = b"HTTP/1.1 200 OK\r\n"
WHOLE: list[tuple[str, bytes, int, bytes, bool]] = [
    ("a length", OK + b"Content-Length: 2\r\n\r\nok", 200, b"ok", True),
    ("no body", OK + b"content-length:0\r\n\r\n", 200, b"", True),
    ("204", b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", True),
    ("304 with a length", b"HTTP/1.1 304 X\r\nContent-Length: 9\r\n\r\n", 304, b"", True),
    ("chunks",
     OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\nA;x=1\r\n0123456789\r\n0\r\n\r\n",
     200, b"ok0123456789", True),
    ("trailers", OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: 1\r\n\r\n",
     200, b"ok", True),
    ("an interim answer", b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\nok",
     200, b"ok", True),
    ("a closing server", OK + b"Connection: close\r\nContent-Length: 2\r\n\r\nok",
     200, b"ok", False),
    ("HTTP/1.0", b"HTTP/1.0 404 X\r\nContent-Length: 2\r\n\r\nno", 404, b"no", False),
    ("more than was said", OK + b"Content-Length: 2\r\n\r\nokHTTP", 200, b"ok", False),
]  # fmt: skip
BAD = [
    b"220 mail ESMTP\r\n\r\n",
    b"HTTP/1.1 OK\r\n\r\n",
    b"HTTP/2 200\r\n\r\n",
    b"HTTP/1.1 101 Switching\r\n\r\n",
    OK + b"Content-Length: x\r\n\r\n",
    OK + b"Content-Length: -1\r\n\r\n",
    OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
    OK + b"Content-Length: 1000000\r\n\r\n",
    OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    OK + b"Transfer-Encoding: chunked\r\n\r\nfffffff\r\n",
    OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nokXX",
    OK + b"X: " + b"a" * 100_000,
    OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"1" * 10_000,
]


@pytest.mark.parametrize(("said", "status", "body", "keeps"), [w[1:] for w in WHOLE],
                         ids=[w[0] for w in WHOLE])  # fmt: skip
@given(cuts=st.lists(st.integers(0, 120), max_size=12))
def test_an_answer_is_whole_however_it_is_cut(
    said: bytes, status: int, body: bytes, *, keeps: bool, cuts: list[int]
) -> None:
    """The bytes may come in any pieces; the answer is whole with its last byte and not before."""
    reader = AnswerReader(head_only=False, most=1_000)
    extra = len(said) - len(said.removesuffix(b"HTTP"))
    end = len(said) - extra
    edges = sorted({0, end, *(cut for cut in cuts if cut < end)})

    done = [reader.feed(said[a:b]) for a, b in pairwise(edges)]
    if extra:
        reader = AnswerReader(head_only=False, most=1_000)
        done = [reader.feed(said)]

    assert done == [False] * (len(done) - 1) + [True]
    assert (reader.status, bytes(reader.body), reader.keeps) == (status, body, keeps)


def test_an_answer_without_a_length_ends_with_the_connection() -> None:
    """Where nothing says how long it is, the end of the connection does."""
    reader = AnswerReader(head_only=False, most=100)

    assert not reader.feed(OK + b"\r\nwhole")
    assert reader.close()
    assert (bytes(reader.body), reader.keeps) == (b"whole", False)


def test_the_answer_to_head_has_no_body() -> None:
    """The length in an answer to HEAD is that of another answer."""
    reader = AnswerReader(head_only=True, most=100)

    assert reader.feed(OK + b"Content-Length: 50\r\n\r\n")
    assert reader.keeps


@pytest.mark.parametrize("said", BAD)
def test_what_is_no_answer_is_refused(said: bytes) -> None:
    """Hostile and broken answers end in an error with a reason, within bounds."""
    reader = AnswerReader(head_only=False, most=1_000)

    with pytest.raises(BadAnswerError, match=r"\w+"):
        reader.feed(said)


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 20", OK + b"Content-Length: 9\r\n\r\nhalf"])
def test_an_answer_that_breaks_off_is_no_answer(said: bytes) -> None:
    """A connection that ends too early is told as that."""
    reader = AnswerReader(head_only=False, most=1_000)
    reader.feed(said)

    assert reader.begun == bool(said)
    with pytest.raises(BadAnswerError, match="closed before"):
        reader.close()


@given(said=st.binary(max_size=400))
def test_random_bytes_never_break_the_reader(said: bytes) -> None:
    """Whatever comes is an answer, half of one or an error of the reader's own."""
    reader = AnswerReader(head_only=False, most=1_000)
    with suppress(BadAnswerError):
        reader.feed(OK + said)
        reader.close()

    assert len(reader.body) <= 1_000
