"""Conditional requests (RFC 9110, sections 8.8 and 13): nobody overwrites what he has not seen."""

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, NamedTuple

from fastapi import Depends, Header, Request
from starlette.responses import Response

from acidkit.errors import Problem

# Commas may stand inside the quotes, and a list may have empty elements.
TAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
SEPARATOR = re.compile(r"[ \t]*(?:,[ \t]*)+")
ANY = "*"
MOST_TAGS = 100


class PreconditionFailed(Problem):
    """It was changed since you read it; read it again."""

    status = HTTPStatus.PRECONDITION_FAILED
    code = "precondition_failed"


class PreconditionRequired(Problem):
    """Say with If-Match which version you want to change."""

    status = HTTPStatus.PRECONDITION_REQUIRED
    code = "precondition_required"


class PreconditionMalformed(Problem):
    """The condition is not `*` or a list of entity tags in quotes."""

    status = HTTPStatus.BAD_REQUEST
    code = "precondition_malformed"


class _Tag(NamedTuple):
    weak: bool
    opaque: str


def etag_of(version: int) -> str:
    """Return the strong entity tag of a row whose version column counts its changes."""
    return f'"{version}"'


class Precondition:
    """What a request says about the version it is meant for.

    It is checked against the row that is locked for the change, or a change may slip in between.
    """

    def __init__(self, if_match: Sequence[str] = (), if_none_match: Sequence[str] = ()) -> None:
        """Read header lines.

        Raises:
            PreconditionMalformed: they are not entity tags.
        """
        self._match = _parse(if_match)
        self._none_match = _parse(if_none_match)

    @property
    def given(self) -> bool:
        """Whether the request names the version it wants to change."""
        return self._match is not None

    def require(self) -> None:
        """Refuse a request that does not name a version.

        Raises:
            PreconditionRequired: it does not.
        """
        if not self.given:
            raise PreconditionRequired

    def check(self, etag: str | None) -> None:
        """Go on if the condition holds for the current `etag`; None is for what does not exist.

        If-Match compares strongly, so a weak tag never fits; If-None-Match compares weakly.

        Raises:
            PreconditionFailed: it does not hold.
        """
        if self._match is not None and not _found(self._match, etag, strong=True):
            raise PreconditionFailed
        if self._none_match is not None and _found(self._none_match, etag, strong=False):
            raise PreconditionFailed


def is_unchanged(request: Request, etag: str) -> bool:
    """Return whether a GET or HEAD may be answered with 304: the client has this version.

    What is not a list of tags is ignored: the full answer is always right.
    """
    try:
        tags = _parse(request.headers.getlist("if-none-match"))
    except PreconditionMalformed:
        return False
    return tags is not None and _found(tags, etag, strong=False)


def fresh_headers(etag: str) -> dict[str, str]:
    """Return the headers of an answer that the client may keep and must ask about before reuse."""
    return {"ETag": etag, "Cache-Control": "private, no-cache"}


def not_modified(etag: str) -> Response:
    """Return the 304 for a client that has this version."""
    return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=fresh_headers(etag))


def _parse(lines: Sequence[str]) -> list[_Tag] | None:
    """Return the tags, an empty list for `*`, or None without a header."""
    if not lines:
        return None
    text = ",".join(lines).strip(" \t")
    if text == ANY:
        return []
    tags: list[_Tag] = []
    position = _skip(text, 0)
    while position < len(text) and len(tags) < MOST_TAGS:
        found = TAG.match(text, position)
        if not found:
            raise PreconditionMalformed
        tags.append(_Tag(bool(found[1]), found[2]))
        position = found.end()
        after = _skip(text, position)
        if after == position < len(text):
            raise PreconditionMalformed
        position = after
    if not tags or position < len(text):
        raise PreconditionMalformed
    return tags


def _skip(text: str, position: int) -> int:
    found = SEPARATOR.match(text, position)
    return found.end() if found else position


def _found(tags: list[_Tag], etag: str | None, *, strong: bool) -> bool:
    if etag is None:
        return False
    if not tags:
        return True
    current = TAG.fullmatch(etag)
    if not current:
        raise ValueError(f"not an entity tag: {etag!r}")
    if strong:
        return not current[1] and _Tag(weak=False, opaque=current[2]) in tags
    return current[2] in {tag.opaque for tag in tags}


async def _of_request(
    request: Request,
    _documented: Annotated[
        str | None,
        Header(
            alias="If-Match",
            description="The ETag of the version that you want to change.",
            examples=['"7"'],
        ),
    ] = None,
) -> Precondition:
    # A list may be spread over several lines, of which the framework would show one.
    headers = request.headers
    return Precondition(headers.getlist("if-match"), headers.getlist("if-none-match"))


PreconditionDep = Annotated[Precondition, Depends(_of_request)]
