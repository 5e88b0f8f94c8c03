"""Where a page ended, signed for one user."""

import base64
import binascii
import hmac
import json
import uuid
from datetime import datetime

from orders.errors import malformed
from orders.keys import sign

Place = tuple[datetime, uuid.UUID]


def write(key: bytes, user: int, place: Place) -> str:
    """The place after which the next page begins."""
    payload = json.dumps([place[0].isoformat(), str(place[1])]).encode()
    told = base64.urlsafe_b64encode(payload).rstrip(b"=").decode()
    return f"{told}~{sign(key, f'{user}~{told}'.encode())}"


def read(key: bytes, user: int, cursor: str) -> Place:
    """The place, where the cursor was written by this service for this user."""
    told, _, signature = cursor.partition("~")
    expected = sign(key, f"{user}~{told}".encode("utf-8", "replace"))
    # As texts: the last letter of a signature has bits that decoding would ignore.
    if not hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace")):
        raise malformed("The cursor is not one of yours.")
    try:
        moment, order = json.loads(base64.urlsafe_b64decode(told + "=" * (-len(told) % 4)))
    except (binascii.Error, ValueError):
        raise malformed("The cursor is not one of yours.") from None
    return datetime.fromisoformat(moment), uuid.UUID(order)
