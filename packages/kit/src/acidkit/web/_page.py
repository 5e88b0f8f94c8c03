"""Keyset pages: a cursor names the last row seen, so rows added meanwhile move nothing.

A cursor holds time *and* id, because rows of one transaction share their time.
"""

import base64
import binascii
import hashlib
import hmac
import struct
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from urllib.parse import urlencode

from acidkit.errors import BadCursor

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LAYOUT = struct.Struct(">qq")
TAG_LENGTH = 8
LONGEST = 64
LARGEST_ID = 2**63 - 1


class Cursor(NamedTuple):
    """The last row of a page, in the order newest first."""

    created_at: datetime
    id: int


class CursorCodec:
    """Writes and reads the cursors of one list; those of another list or filter are refused.

    Args:
        scope: Names the list and its filter, such as `reviews:42`.
        key: Makes cursors unforgeable; without it they are only protected against mistakes, which
            is enough where a position tells nothing that the list itself does not.
    """

    def __init__(self, scope: str, *, key: bytes = b"") -> None:
        self._scope = scope.encode()
        self._key = key

    def encode(self, cursor: Cursor) -> str:
        """Return the opaque text of a cursor."""
        micros = (cursor.created_at - EPOCH) // timedelta(microseconds=1)
        body = LAYOUT.pack(micros, cursor.id)
        return base64.urlsafe_b64encode(body + self._tag(body)).rstrip(b"=").decode()

    def decode(self, text: str) -> Cursor:
        """Return the cursor that `text` stands for.

        Raises:
            BadCursor: this list never gave that text out.
        """
        try:
            raw = base64.b64decode(
                text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True
            )
            body, tag = raw[: LAYOUT.size], raw[LAYOUT.size :]
            micros, row = LAYOUT.unpack(body)
            created_at = EPOCH + timedelta(microseconds=micros)
        except (UnicodeEncodeError, binascii.Error, struct.error, OverflowError) as error:
            raise BadCursor from error
        if not hmac.compare_digest(tag, self._tag(body)) or not 0 < row <= LARGEST_ID:
            raise BadCursor
        return Cursor(created_at, row)

    def _tag(self, body: bytes) -> bytes:
        return hashlib.blake2b(
            self._scope + b"\0" + body, digest_size=TAG_LENGTH, key=self._key
        ).digest()


def page_limit(asked: int, *, largest: int) -> int:
    """Return the page size to use: too large a wish is granted in part, not refused."""
    return min(asked, largest)


def link_to_next(path: str, *, limit: int, cursor: str) -> str:
    """Return the value of an RFC 8288 Link header that leads to the next page."""
    return f'<{path}?{urlencode({"limit": limit, "cursor": cursor})}>; rel="next"'
