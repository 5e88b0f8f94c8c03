"""An answer that can be kept and given again, byte for byte."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Self

from pydantic import BaseModel
from starlette.responses import Response

REPLAYED = "Idempotency-Replayed"
# A kept answer is a row of a hot table; who answers more keeps a link instead.
LARGEST_BODY = 64 * 1024
# What belongs to one exchange (dates, trace ids, cookies) is not said again.
KEPT_HEADERS = frozenset(
    {"content-language", "content-location", "content-type", "etag", "location"}
)


@dataclass(frozen=True)
class Reply:
    """Status, headers and body of an answer.

    Raises:
        ValueError: it holds a header that must not be repeated, or more than 64 KiB.
    """

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    replayed: bool = False

    def __post_init__(self) -> None:
        """Refuse what could not be kept."""
        if len(self.body) > LARGEST_BODY:
            raise ValueError(f"a kept answer holds {LARGEST_BODY} bytes at most")
        odd = {name.lower() for name, _ in self.headers} - KEPT_HEADERS
        if odd:
            raise ValueError(f"not kept with an answer: {sorted(odd)}")

    @classmethod
    def of(
        cls,
        model: BaseModel,
        *,
        status: int = HTTPStatus.CREATED,
        headers: Mapping[str, str] | None = None,
    ) -> Self:
        """Return the answer that shows `model` as JSON."""
        return cls(
            status=int(status),
            body=model.model_dump_json().encode(),
            headers=(("Content-Type", "application/json"), *(headers or {}).items()),
        )

    def again(self) -> Self:
        """Return this answer as one that was given before."""
        return replace(self, replayed=True)

    def response(self) -> Response:
        """Return it as a response; one that was given before says so."""
        marked = {REPLAYED: "true"} if self.replayed else {}
        return Response(self.body, self.status, headers={**dict(self.headers), **marked})

    def headers_as_text(self) -> str:
        """Return the headers as they are kept."""
        return json.dumps(self.headers)


def headers_from_text(text: str) -> Iterable[tuple[str, str]]:
    """Yield the headers that were kept as `text`."""
    yield from map(tuple, json.loads(text))
