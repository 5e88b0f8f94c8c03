"""Signing and verifying messages over the bytes that travel: Standard Webhooks 1.0.

What is signed is `id.timestamp.body`. The body is never parsed before its signature is known.
"""

import base64
import enum
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import NamedTuple

from acidkit.errors import Problem
from acidkit.webhooks._keys import SigningKey, VerifyingKey

ID = "webhook-id"
TIMESTAMP = "webhook-timestamp"
SIGNATURE = "webhook-signature"

TOLERANCE = 300
# No full stop: it would let one signed text be read as two different messages.
ID_SHAPE = re.compile(r"[!-\-/-~]{1,255}")
TIMESTAMP_SHAPE = re.compile(r"[0-9]{1,12}")
MOST_SIGNATURES = 16


class Rejection(enum.StrEnum):
    """Why a message was not taken."""

    MISSING = "missing"
    MALFORMED = "malformed"
    WRONG = "wrong_signature"
    TOO_OLD = "too_old"
    TOO_NEW = "too_new"
    REPLAYED = "replayed"


SENTENCES = {
    Rejection.MISSING: "The message is not signed.",
    Rejection.MALFORMED: "The signature's headers cannot be read.",
    Rejection.WRONG: "The signature is not one of this message.",
    Rejection.TOO_OLD: "The message was signed too long ago.",
    Rejection.TOO_NEW: "The message was signed in the future.",
    Rejection.REPLAYED: "This very message has been received before.",
}


class WebhookRejected(Problem):
    """The message was not taken."""

    code = "webhook_rejected"

    def __init__(self, reason: Rejection) -> None:
        self.reason = reason
        super().__init__(SENTENCES[reason], extensions={"reason": reason})


class WebhookUnauthorized(WebhookRejected):
    """Nobody we know has signed this message."""

    status = HTTPStatus.UNAUTHORIZED

    def __init__(self, reason: Rejection) -> None:
        super().__init__(reason)
        self.headers["WWW-Authenticate"] = "Webhook-Signature"


class WebhookForbidden(WebhookRejected):
    """The message is genuine, but not to be taken now."""

    status = HTTPStatus.FORBIDDEN


class SignedMessage(NamedTuple):
    """A message whose signature fitted; `sent_at` is in seconds since 1970."""

    id: str
    sent_at: int
    body: bytes


def sign(
    body: bytes, keys: Sequence[SigningKey], *, message_id: str, sent_at: int | None = None
) -> dict[str, str]:
    """Return the headers that go with `body`, signed with every key: one, or two while rotating.

    Args:
        body: The bytes to be sent, exactly.
        keys: Whoever holds the counterpart of any of them can verify.
        message_id: The same for every attempt to deliver this message; no full stops.
        sent_at: The moment of this attempt, in seconds since 1970; now unless given.

    Raises:
        ValueError: the id does not fit in its header, or there is no key.
    """
    if not keys or not ID_SHAPE.fullmatch(message_id):
        raise ValueError("a message needs a key, and an id of visible characters without full stop")
    at = str(int(time.time()) if sent_at is None else sent_at)
    content = _content(message_id, at, body)
    signatures = [f"{key.version},{base64.b64encode(key.sign(content)).decode()}" for key in keys]
    return {ID: message_id, TIMESTAMP: at, SIGNATURE: " ".join(signatures)}


class Verifier:
    """Accepts what any of its keys has signed not long ago.

    Args:
        keys: The new one and, while rotating, the old one.
        tolerance: How far a sender's clock, or the way, may be off; seconds.
        clock: The seconds since 1970.
    """

    def __init__(
        self,
        keys: Sequence[VerifyingKey],
        *,
        tolerance: int = TOLERANCE,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._keys = tuple(keys)
        self._tolerance = tolerance
        self._clock = clock

    def verify(self, headers: Mapping[str, str], body: bytes) -> SignedMessage:
        """Return the message; a replay is not noticed here.

        Raises:
            WebhookUnauthorized: unsigned, unreadable, or signed by nobody we know.
            WebhookForbidden: signed by somebody we know, but too long ago or in the future.
        """
        given = [headers.get(name) for name in (ID, TIMESTAMP, SIGNATURE)]
        message_id, at, signatures = (text or "" for text in given)
        if not all(given):
            raise WebhookUnauthorized(Rejection.MISSING)
        if not ID_SHAPE.fullmatch(message_id) or not TIMESTAMP_SHAPE.fullmatch(at):
            raise WebhookUnauthorized(Rejection.MALFORMED)
        if not self._signed(_content(message_id, at, body), signatures):
            raise WebhookUnauthorized(Rejection.WRONG)
        age = self._clock() - int(at)
        if abs(age) > self._tolerance:
            raise WebhookForbidden(Rejection.TOO_OLD if age > 0 else Rejection.TOO_NEW)
        return SignedMessage(message_id, int(at), body)

    def _signed(self, content: bytes, signatures: str) -> bool:
        found = False
        for version, signature in _signatures(signatures):
            for key in self._keys:
                # Every pair is tried, so that the time tells nothing about which one fits.
                found |= key.version == version and key.fits(content, signature)
        return found


def _content(message_id: str, at: str, body: bytes) -> bytes:
    return f"{message_id}.{at}.".encode() + body


def _signatures(text: str) -> Iterator[tuple[str, bytes]]:
    """Yield what can be read of a list; schemes that we do not know may be in it too."""
    for word in text.split(" ", MOST_SIGNATURES)[:MOST_SIGNATURES]:
        version, _, encoded = word.partition(",")
        try:
            yield version, base64.b64decode(encoded, validate=True)
        except ValueError:
            continue
