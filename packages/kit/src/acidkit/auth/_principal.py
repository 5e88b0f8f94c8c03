"""Who a request comes from, as a dependency of routes.

The framework reads a request's body before it asks dependencies; an upload must therefore
authenticate in front of the framework, not with these.
"""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from acidkit.auth._access import Principal
from acidkit.auth._errors import InvalidToken, Unauthenticated
from acidkit.auth._service import Auth

# Only for the document: it names the scheme there, and `auto_error=False` keeps it from answering.
_scheme = HTTPBearer(auto_error=False, scheme_name="accessToken", bearerFormat="JWT")


async def auth_of(request: Request) -> Auth:
    """Return the application's `Auth`."""
    # A coroutine although it awaits nothing: the framework gives plain functions to a thread.
    auth: Auth = request.app.state.auth
    return auth


AuthDep = Annotated[Auth, Depends(auth_of)]


def bearer_token(request: Request) -> str:
    """Return the token of `Authorization: Bearer …` (RFC 6750, 2.1); the only place one may be.

    Raises:
        Unauthenticated: there is none.
        InvalidToken: there are several, or it is not one word.
    """
    values = request.headers.getlist("authorization")
    if not values:
        raise Unauthenticated
    scheme, _, token = values[0].partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthenticated
    token = token.strip(" ")
    if len(values) > 1 or not token or " " in token:
        raise InvalidToken
    return token


async def _principal(
    request: Request, _documented: Annotated[object, Depends(_scheme)]
) -> Principal:
    # Every request passes here, and each dependency of a dependency costs it: none for `Auth`.
    auth: Auth = request.app.state.auth
    return auth.authenticate(bearer_token(request))


PrincipalDep = Annotated[Principal, Depends(_principal)]


async def _confirmed(auth: AuthDep, principal: PrincipalDep) -> Principal:
    await auth.confirm(principal)
    return principal


# For what must not be done with a session that was ended a minute ago; costs one query.
SensitivePrincipalDep = Annotated[Principal, Depends(_confirmed)]
