"""The tree of errors that a client may be told about.

    Problem
    ├── MalformedBody         400
    ├── BadCursor             400
    ├── NotFound              404   a service derives its own: BookNotFound
    ├── MethodNotAllowed      405
    ├── Conflict              409   a service derives its own: IsbnTaken
    ├── PayloadTooLarge       413
    ├── UnsupportedMediaType  415
    ├── InvalidInput          422
    ├── InternalError         500
    └── Unavailable           503
        └── Busy              503

The first line of a class's docstring is what the client reads when nothing better was said.
"""

import inspect
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar


class Problem(Exception):  # noqa: N818 - the word of RFC 9457, and what handlers speak of
    """The request could not be answered."""

    status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR
    code: ClassVar[str] = "problem"
    # For a kind that somebody else has defined; ours are URNs made of the code.
    type_uri: ClassVar[str | None] = None

    def __init__(
        self,
        detail: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[Mapping[str, Any]] = (),
        extensions: Mapping[str, Any] | None = None,
    ) -> None:
        self.detail = detail or self.sentence()
        self.headers = dict(headers or {})
        self.errors = [dict(error) for error in errors]
        self.extensions = dict(extensions or {})
        super().__init__(self.detail)

    @classmethod
    def sentence(cls) -> str:
        """Return what this kind of problem means, for a person."""
        return inspect.getdoc(cls).splitlines()[0]  # type: ignore[union-attr]  # every class here has one


class MalformedBody(Problem):
    """The body is not valid JSON."""

    status = HTTPStatus.BAD_REQUEST
    code = "malformed_body"


class BadCursor(Problem):
    """The cursor is not one that this list gave out."""

    status = HTTPStatus.BAD_REQUEST
    code = "bad_cursor"


class NotFound(Problem):
    """There is nothing at this address."""

    status = HTTPStatus.NOT_FOUND
    code = "not_found"


class MethodNotAllowed(Problem):
    """This address does not know that method."""

    status = HTTPStatus.METHOD_NOT_ALLOWED
    code = "method_not_allowed"


class Conflict(Problem):
    """The request contradicts what is stored."""

    status = HTTPStatus.CONFLICT
    code = "conflict"


class PayloadTooLarge(Problem):
    """The body is larger than this service accepts."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    code = "payload_too_large"


class UnsupportedMediaType(Problem):
    """The body must be sent as application/json."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    code = "unsupported_media_type"


class InvalidInput(Problem):
    """The request breaks a rule; see `errors` for each place."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "invalid_input"


class InternalError(Problem):
    """Something went wrong here; the trace id finds it in our logs."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR
    code = "internal_error"


class Unavailable(Problem):
    """Something this service depends on does not answer; please try again."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "unavailable"

    def __init__(self, detail: str | None = None, *, retry_after: int = 1) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)})


class Busy(Unavailable):
    """Too much is being asked at once; please try again."""

    code = "busy"
