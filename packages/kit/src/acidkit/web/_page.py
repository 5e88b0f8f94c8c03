"""Keyset pages: a cursor names the last row seen, so rows added meanwhile move nothing.

A cursor holds time *and* id, because rows of one transaction share their time.
"""

import base64
import binascii
import hashlib
import hmac
import json
import struct
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Generic, NamedTuple, TypeVar
from uuid import UUID

from acidkit.errors import BadCursor

T = TypeVar("T")

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LAYOUT = struct.Struct(">qq")
UUID_LAYOUT = struct.Struct(">?q16s")
TAG_LENGTH = 8
LONGEST = 64
LARGEST_ID = 2**63 - 1


class Cursor(NamedTuple):
    """The last row of a page, in the order newest first."""

    created_at: datetime
    id: int


class UuidCursor(NamedTuple):
    """A row at the edge of a page, in the order newest first, and which way the next page lies."""

    created_at: datetime
    id: UUID
    newer: bool = False


class _Signed:
    """Text that only this list can have given out."""

    def __init__(self, scope: str, key: bytes) -> None:
        self._scope = scope.encode()
        self._key = key if len(key) <= hashlib.blake2b.MAX_KEY_SIZE else _shortened(key)

    def _write(self, body: bytes) -> str:
        return base64.urlsafe_b64encode(body + self._tag(body)).rstrip(b"=").decode()

    def _read(self, text: str, length: int) -> bytes:
        if len(text) > LONGEST:
            raise BadCursor
        try:
            padded = text.encode("ascii") + b"=" * (-len(text) % 4)
            raw = base64.b64decode(padded, altchars=b"-_", validate=True)
        except (UnicodeEncodeError, binascii.Error) as error:
            raise BadCursor from error
        body, tag = raw[:length], raw[length:]
        if not hmac.compare_digest(tag, self._tag(body)):
            raise BadCursor
        return body

    def _tag(self, body: bytes) -> bytes:
        return hashlib.blake2b(
            self._scope + b"\0" + body, digest_size=TAG_LENGTH, key=self._key
        ).digest()


class CursorCodec(_Signed):
    """Writes and reads the cursors of one list; those of another list or filter are refused.

    Args:
        scope: Names the list and its filter, such as `reviews:42`.
        key: Makes cursors unforgeable; without it they are only protected against mistakes, which
            is enough where a position tells nothing that the list itself does not.
    """

    def __init__(self, scope: str, *, key: bytes = b"") -> None:
        super().__init__(scope, key)

    def encode(self, cursor: Cursor) -> str:
        """Return the opaque text of a cursor."""
        return self._write(LAYOUT.pack(_micros(cursor.created_at), cursor.id))

    def decode(self, text: str) -> Cursor:
        """Return the cursor that `text` stands for.

        Raises:
            BadCursor: this list never gave that text out.
        """
        body = self._read(text, LAYOUT.size)
        try:
            micros, row = LAYOUT.unpack(body)
            created_at = EPOCH + timedelta(microseconds=micros)
        except (struct.error, OverflowError) as error:
            raise BadCursor from error
        if not 0 < row <= LARGEST_ID:
            raise BadCursor
        return Cursor(created_at, row)


class UuidCursorCodec(_Signed):
    """Writes and reads the cursors of a list whose rows have UUIDs, for one user and one filter.

    Args:
        scope: Names the list, such as `orders`.
        key: Makes cursors unforgeable; every replica has the same, of 16 bytes or more.
        bound_to: Whose list it is and which filter it has; a cursor of others is refused.
    """

    def __init__(self, scope: str, *, key: bytes, bound_to: Sequence[str | None] = ()) -> None:
        if len(key) < hashlib.blake2b.SALT_SIZE:
            raise ValueError("the key of cursors needs 16 bytes at least")
        # A list keeps its parts apart whatever characters they hold.
        super().__init__(json.dumps([scope, *bound_to]), key)

    def encode(self, cursor: UuidCursor) -> str:
        """Return the opaque text of a cursor."""
        micros = _micros(cursor.created_at)
        return self._write(UUID_LAYOUT.pack(cursor.newer, micros, cursor.id.bytes))

    def decode(self, text: str) -> UuidCursor:
        """Return the cursor that `text` stands for.

        Raises:
            BadCursor: this list never gave that text out to this user, for this filter.
        """
        body = self._read(text, UUID_LAYOUT.size)
        try:
            newer, micros, row = UUID_LAYOUT.unpack(body)
            created_at = EPOCH + timedelta(microseconds=micros)
        except (struct.error, OverflowError) as error:
            raise BadCursor from error
        return UuidCursor(created_at, UUID(bytes=row), newer)


class Slice(NamedTuple, Generic[T]):
    """The rows of one page, newest first, and whether there are others on either side."""

    rows: list[T]
    older: bool
    newer: bool


def cut(rows: Sequence[T], *, limit: int, at: UuidCursor | None) -> Slice[T]:
    """Return the page that `rows` make.

    Args:
        rows: Up to `limit + 1` of them, nearest to the cursor first: newest first, or oldest first
            where `at.newer`.
        limit: The size of a page.
        at: The cursor that was asked for.
    """
    page, more = list(rows[:limit]), len(rows) > limit
    if at is not None and at.newer:
        return Slice(page[::-1], older=True, newer=more)
    return Slice(page, older=more, newer=at is not None)


def page_limit(asked: int, *, largest: int) -> int:
    """Return the page size to use: too large a wish is granted in part, not refused."""
    return min(asked, largest)


def _micros(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def _shortened(key: bytes) -> bytes:
    return hashlib.blake2b(key, digest_size=hashlib.blake2b.MAX_KEY_SIZE).digest()
