import random
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acidkit.errors import BadCursor
from acidkit.web import UuidCursor, UuidCursorCodec, cut, page_links

KEY = b"k" * 32
CODEC = UuidCursorCodec("orders", key=KEY, bound_to=["user-1", "paid"])
TIMES = st.datetimes(timezones=st.just(UTC))
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

Row = tuple[datetime, uuid.UUID]


@given(time=TIMES, row=st.uuids(), newer=st.booleans())
def test_cursor_of_uuids_comes_back(time: datetime, row: uuid.UUID, *, newer: bool) -> None:
    """What a list gives out it understands: time to the microsecond, id and direction."""
    cursor = UuidCursor(time, row, newer)
    assert CODEC.decode(CODEC.encode(cursor)) == cursor


@given(st.text(max_size=100) | st.text(ALPHABET, max_size=100))
def test_foreign_text_is_no_cursor_of_uuids(text: str) -> None:
    """Any other text is a BadCursor and nothing worse."""
    with pytest.raises(BadCursor):
        CODEC.decode(text)


def test_every_changed_character_is_noticed() -> None:
    """A cursor in which any one character is another is refused."""
    text = CODEC.encode(UuidCursor(datetime(2026, 1, 1, tzinfo=UTC), uuid.UUID(int=7)))
    for place, old in enumerate(text):
        for new in (ALPHABET[ALPHABET.index(old) - 1], ALPHABET[ALPHABET.index(old) - 32]):
            with pytest.raises(BadCursor):
                CODEC.decode(text[:place] + new + text[place + 1 :])


def test_cursor_belongs_to_user_filter_list_and_key() -> None:
    """A cursor is refused by every other list, and parts cannot be shifted into each other."""
    text = CODEC.encode(UuidCursor(datetime(2026, 1, 1, tzinfo=UTC), uuid.UUID(int=7)))
    others = [
        UuidCursorCodec("orders", key=KEY, bound_to=["user-2", "paid"]),
        UuidCursorCodec("orders", key=KEY, bound_to=["user-1", None]),
        UuidCursorCodec("orders", key=KEY, bound_to=["user-1paid", ""]),
        UuidCursorCodec("orders", key=KEY, bound_to=['user-1", "paid']),
        UuidCursorCodec("items", key=KEY, bound_to=["user-1", "paid"]),
        UuidCursorCodec("orders", key=b"K" * 32, bound_to=["user-1", "paid"]),
        UuidCursorCodec("orders", key=KEY * 5, bound_to=["user-1", "paid"]),
    ]
    for other in others:
        with pytest.raises(BadCursor):
            other.decode(text)
    with pytest.raises(ValueError, match="16 bytes"):
        UuidCursorCodec("orders", key=b"short")


def fetched(table: list[Row], at: UuidCursor | None, limit: int) -> list[Row]:
    """Do what the SQL of a service does."""
    if at is None:
        return sorted(table, reverse=True)[:limit]
    edge = (at.created_at, at.id)
    if at.newer:
        return sorted(row for row in table if row > edge)[:limit]
    return sorted((row for row in table if row < edge), reverse=True)[:limit]


def walk(table: list[Row], source: random.Random) -> Iterator[list[Row]]:
    """Yield the pages from the newest on, while rows are added in between."""
    at: UuidCursor | None = None
    while True:
        page = cut(fetched(table, at, 8), limit=7, at=at)
        assert page.newer == (at is not None)
        yield page.rows
        if not page.older:
            return
        text = CODEC.encode(UuidCursor(*page.rows[-1]))
        at = CODEC.decode(text)
        table.append((table[0][0] + timedelta(seconds=source.randrange(3)), uuid.uuid4()))


def test_walk_meets_every_row_once_and_back_again() -> None:
    """Equal times and rows that are added meanwhile let no old row be skipped or shown twice."""
    source = random.Random(7)
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    table = [
        (moment + timedelta(seconds=source.randrange(2)), uuid.UUID(int=source.getrandbits(128)))
        for _ in range(100)
    ]
    old = set(table)
    pages = list(walk(table, source))
    seen = [row for page in pages for row in page]
    assert len(seen) == len(set(seen))
    assert set(seen) >= old
    back = UuidCursor(*pages[5][0], newer=True)
    page = cut(fetched([*old], back, 8), limit=7, at=back)
    expected = sorted(row for row in old if row > pages[5][0])[:7]
    assert (page.rows, page.older, page.newer) == (expected[::-1], True, True)
    first = UuidCursor(*sorted(old)[-3], newer=True)
    last = cut(fetched([*old], first, 8), limit=7, at=first)
    assert (last.rows, last.newer) == (sorted(old, reverse=True)[:2], False)


def test_links_lead_around() -> None:
    """Links repeat limit and filter, and name only pages that exist."""
    query: dict[str, str | int] = {"limit": 5, "status": "paid&x"}
    assert page_links("/orders", query, following="a-b", preceding="c", first=True) == (
        '</orders?limit=5&status=paid%26x&cursor=a-b>; rel="next", '
        '</orders?limit=5&status=paid%26x&cursor=c>; rel="prev", '
        '</orders?limit=5&status=paid%26x>; rel="first"'
    )
    assert not page_links("/orders", query)
