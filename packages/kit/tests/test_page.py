from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acidkit.errors import BadCursor
from acidkit.web import Cursor, CursorCodec, link_to_next, page_limit

TIMES = st.timedeltas(min_value=timedelta(days=-700_000), max_value=timedelta(days=2_900_000)).map(
    lambda distance: datetime(1970, 1, 1, tzinfo=UTC) + distance
)


@given(TIMES, st.integers(1, 2**63 - 1))
def test_cursor_comes_back(time: datetime, row: int) -> None:
    """What a list gives out it understands, to the microsecond."""
    codec = CursorCodec("books")
    assert codec.decode(codec.encode(Cursor(time, row))) == Cursor(time, row)


@given(st.text(max_size=80))
def test_foreign_text_is_refused(text: str) -> None:
    """Any other text is a BadCursor and nothing worse."""
    with pytest.raises(BadCursor):
        CursorCodec("books").decode(text)


def test_cursor_belongs_to_its_list() -> None:
    """A cursor of another list, another key or with a flipped character is refused."""
    cursor = Cursor(datetime.now(UTC), 5)
    text = CursorCodec("reviews:1").encode(cursor)
    flipped = ("B" if text[0] == "A" else "A") + text[1:]
    for codec, value in [
        (CursorCodec("reviews:2"), text),
        (CursorCodec("reviews:1", key=b"k"), text),
        (CursorCodec("reviews:1"), flipped),
    ]:
        with pytest.raises(BadCursor):
            codec.decode(value)


def test_rows_outside_the_calendar_are_refused() -> None:
    """A well-signed position that no date can hold is refused, not a crash."""
    codec = CursorCodec("books")
    good = codec.encode(Cursor(datetime.now(UTC) - timedelta(days=1), 1))
    assert codec.decode(good).id == 1
    with pytest.raises(BadCursor):
        codec.decode(codec.encode(Cursor(datetime.now(UTC), 0)))


def test_limit_and_link() -> None:
    """A wish for too much is granted in part; the link repeats size and cursor."""
    assert (page_limit(5, largest=10), page_limit(10**9, largest=10)) == (5, 10)
    assert link_to_next("/books", limit=5, cursor="a-b") == (
        '</books?limit=5&cursor=a-b>; rel="next"'
    )
