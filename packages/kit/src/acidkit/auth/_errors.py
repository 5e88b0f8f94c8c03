"""Why somebody is not let in.

    Problem
    ├── Unauthenticated        401
    │   ├── InvalidToken       401
    │   ├── InvalidCredentials 401
    │   └── InvalidRefreshToken 401
    ├── EmailTaken             409   a Conflict
    └── AccountLocked          429

Every 401 carries the challenge of RFC 6750, section 3; nothing was wrong with a request that
brought no token, so it is told no error.
"""

from http import HTTPStatus
from typing import ClassVar

from acidkit.errors import Conflict, Problem

REALM = 'Bearer realm="api"'


class Unauthenticated(Problem):
    """This needs an access token: `Authorization: Bearer …`."""

    status = HTTPStatus.UNAUTHORIZED
    code = "unauthenticated"
    challenge: ClassVar[str] = REALM

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": self.challenge})


class InvalidToken(Unauthenticated):
    """The access token is malformed, expired, revoked or not meant for this service."""

    code = "invalid_token"
    challenge = (
        f'{REALM}, error="invalid_token", error_description="The access token is not valid."'
    )


class InvalidCredentials(Unauthenticated):
    """There is no account with this e-mail address and password."""

    code = "invalid_credentials"


class InvalidRefreshToken(Unauthenticated):
    """The refresh token is unknown, expired, revoked or was used before; please log in again."""

    code = "invalid_refresh_token"
    challenge = (
        f'{REALM}, error="invalid_token", error_description="The refresh token is not valid."'
    )


class EmailTaken(Conflict):
    """There is an account with this e-mail address already."""

    code = "email_taken"


class AccountLocked(Problem):
    """Too many wrong passwords for this e-mail address; please wait."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    code = "account_locked"

    def __init__(self, *, retry_after: int) -> None:
        super().__init__(headers={"Retry-After": str(retry_after)})
