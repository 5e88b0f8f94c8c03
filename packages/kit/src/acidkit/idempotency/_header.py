"""The Idempotency-Key header: what is a key, and what is not."""

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated

import http_sf
from fastapi import Depends, Header, Request

from acidkit.errors import Problem

NAME = "Idempotency-Key"
LONGEST = 255
# A comma would be two header lines that a proxy has joined.
BARE = re.compile(r"[!#-+\--~]+")


class KeyMissing(Problem):
    """This operation needs an Idempotency-Key header."""

    status = HTTPStatus.BAD_REQUEST
    code = "idempotency_key_missing"


class KeyMalformed(Problem):
    """The Idempotency-Key must be one string of 1 to 255 visible characters."""

    status = HTTPStatus.BAD_REQUEST
    code = "idempotency_key_malformed"


def parse_key(lines: Sequence[str]) -> str:
    """Return the key that a request's header lines hold.

    The draft asks for a string of RFC 9651, in quotes; most clients send it bare. Both are taken,
    and both spellings of one text are one key.

    Raises:
        KeyMissing: there is no such header.
        KeyMalformed: it is not one key.
    """
    if not lines:
        raise KeyMissing
    if len(lines) > 1:
        raise KeyMalformed
    text = lines[0].strip(" \t")
    key = _unquoted(text) if text.startswith('"') else text if BARE.fullmatch(text) else ""
    if not 0 < len(key) <= LONGEST or not key.strip():
        raise KeyMalformed
    return key


def _unquoted(text: str) -> str:
    try:
        value, _ = _item(text)
    except ValueError:
        return ""
    return value if isinstance(value, str) else ""


def _item(text: str) -> tuple[object, object]:
    parsed = http_sf.parse(text.encode("latin-1", "replace"), tltype="item")
    return parsed if isinstance(parsed, tuple) else (parsed, {})


async def _key_of_request(
    request: Request,
    _documented: Annotated[
        str | None,
        Header(
            alias=NAME,
            description="Required. One string per intended effect; repeat it when you try again.",
            examples=['"8e03978e-40d5-43e8-bc93-6894a57f9324"'],
        ),
    ] = None,
) -> str:
    # Read from the request: the framework would show only one of several lines.
    return parse_key(request.headers.getlist(NAME))


IdempotencyKeyDep = Annotated[str, Depends(_key_of_request)]
