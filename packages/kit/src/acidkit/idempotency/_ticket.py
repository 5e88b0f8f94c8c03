"""What identifies a request that must not be done twice."""

import hashlib
import json
from typing import NamedTuple

from pydantic_core import from_json
from starlette.requests import Request


class Ticket(NamedTuple):
    """One request under one key."""

    owner: str
    operation: str
    key: str
    fingerprint: bytes

    @property
    def number(self) -> int:
        """A number of 64 bits for the advisory lock of this owner, operation and key."""
        text = json.dumps([self.owner, self.operation, self.key]).encode()
        digest = hashlib.blake2b(text, digest_size=8).digest()
        return int.from_bytes(digest, "big", signed=True)


async def ticket_for(request: Request, key: str, *, owner: str) -> Ticket:
    """Return the ticket of a request of `owner`, such as a user's id.

    The operation is the method and the path *template*; the concrete path is in the fingerprint,
    so that one key cannot be used for two resources.
    """
    route = request.scope["route"]
    url = request.url
    return Ticket(
        owner=owner,
        operation=f"{request.method} {route.path_format}",
        key=key,
        fingerprint=fingerprint(await request.body(), target=f"{url.path}?{url.query}"),
    )


def fingerprint(body: bytes, *, target: str = "") -> bytes:
    """Return 32 bytes that are equal for requests that mean the same.

    JSON counts by its values: the order of members and white space say nothing. Numbers count as
    the service reads them, so 1 and 1.0 differ. Anything else counts by its bytes.
    """
    try:
        value = from_json(body, allow_inf_nan=False)
        meaning = b"json\0" + json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    except ValueError:
        meaning = b"bytes\0" + body
    return hashlib.sha256(target.encode("utf-8", "surrogateescape") + b"\0" + meaning).digest()
