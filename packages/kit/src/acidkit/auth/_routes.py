"""Paths, statuses and bodies of authentication."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, params
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    WithJsonSchema,
)
from starlette.responses import JSONResponse

from acidkit.auth._errors import (
    AccountLocked,
    EmailTaken,
    InvalidCredentials,
    InvalidRefreshToken,
    InvalidToken,
    Unauthenticated,
)
from acidkit.auth._mail import LONGEST_MAIL, normal_mail
from acidkit.auth._passwords import LONGEST_PASSWORD, SHORTEST_PASSWORD
from acidkit.auth._principal import AuthDep, PrincipalDep, SensitivePrincipalDep
from acidkit.auth._service import TokenPair
from acidkit.errors import (
    Busy,
    InvalidInput,
    MalformedBody,
    PayloadTooLarge,
    Problem,
    Unavailable,
    UnsupportedMediaType,
    problem_responses,
)
from acidkit.web import StrictRoute

LONGEST_CLAIM = 1000
EVERY: tuple[type[Problem], ...] = (
    MalformedBody,
    PayloadTooLarge,
    UnsupportedMediaType,
    InvalidInput,
    Unavailable,
    Busy,
)

Email = Annotated[
    str,
    StringConstraints(max_length=LONGEST_MAIL),
    AfterValidator(normal_mail),
    WithJsonSchema({"type": "string", "format": "email", "maxLength": LONGEST_MAIL}),
]
NewPassword = Annotated[SecretStr, Field(min_length=SHORTEST_PASSWORD, max_length=LONGEST_PASSWORD)]
# What is claimed at a login need not be possible, only bounded: it is wrong then.
Claim = Annotated[str, StringConstraints(max_length=LONGEST_CLAIM)]
ClaimedPassword = Annotated[SecretStr, Field(max_length=LONGEST_CLAIM)]
RefreshToken = Annotated[SecretStr, Field(max_length=LONGEST_CLAIM)]


class _Body(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class NewAccount(_Body):
    """Somebody who registers."""

    email: Email
    password: NewPassword


class Credentials(_Body):
    """Somebody who logs in."""

    email: Claim
    password: ClaimedPassword


class SessionToken(_Body):
    """The refresh token of a session."""

    refresh_token: RefreshToken


class PasswordChange(_Body):
    """A password and the one that takes its place."""

    current_password: ClaimedPassword
    new_password: NewPassword


class AccountOut(BaseModel):
    """An account, without its secrets."""

    model_config = ConfigDict(from_attributes=True, frozen=True)

    id: uuid.UUID
    email: str
    created_at: datetime


class TokensOut(BaseModel):
    """What a client needs to act and to stay logged in (RFC 6749, 5.1)."""

    model_config = ConfigDict(frozen=True)

    access_token: str = Field(repr=False)
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the name of a scheme
    expires_in: int = Field(description="Seconds that the access token lasts.")
    refresh_token: str = Field(
        repr=False, description="Good for one refresh, which gives another one."
    )


def auth_router(*, prefix: str = "/auth", guards: Sequence[params.Depends] = ()) -> APIRouter:
    """Return the routes of `app.state.auth`.

    Args:
        prefix: Where they are.
        guards: Dependencies that run first wherever somebody is not known yet, such as a limit
            per address.
    """
    router = APIRouter(
        prefix=prefix, tags=["auth"], route_class=StrictRoute, responses=problem_responses(*EVERY)
    )
    _add_entrances(router, guards)
    _add_account(router)
    return router


def _add_entrances(router: APIRouter, guards: Sequence[params.Depends]) -> None:
    guarded: dict[str, Any] = {"dependencies": list(guards)}

    @router.post(
        "/register",
        operation_id="register",
        status_code=HTTPStatus.CREATED,
        responses=problem_responses(EmailTaken),
        **guarded,
    )
    async def register(auth: AuthDep, new: NewAccount) -> AccountOut:
        """Make an account."""
        made = await auth.register(new.email, new.password.get_secret_value())
        return AccountOut.model_validate(made)

    @router.post(
        "/login",
        operation_id="login",
        responses=problem_responses(InvalidCredentials, AccountLocked),
        **guarded,
    )
    async def login(auth: AuthDep, given: Credentials) -> TokensOut:
        """Begin a session."""
        return _shown(await auth.login(given.email, given.password.get_secret_value()))

    @router.post(
        "/refresh",
        operation_id="refresh",
        responses=problem_responses(InvalidRefreshToken),
        **guarded,
    )
    async def refresh(auth: AuthDep, given: SessionToken) -> TokensOut:
        """Continue a session."""
        return _shown(await auth.refresh(given.refresh_token.get_secret_value()))

    @router.post("/logout", operation_id="logout", status_code=HTTPStatus.NO_CONTENT, **guarded)
    async def logout(auth: AuthDep, given: SessionToken) -> None:
        """End a session; unknown tokens are answered alike."""
        await auth.logout(given.refresh_token.get_secret_value())


def _add_account(router: APIRouter) -> None:
    known = problem_responses(Unauthenticated, InvalidToken)

    @router.post(
        "/logout-all",
        operation_id="logout_all",
        status_code=HTTPStatus.NO_CONTENT,
        responses=known,
    )
    async def logout_all(auth: AuthDep, principal: PrincipalDep) -> None:
        """End every session of the account."""
        await auth.logout_everywhere(principal.user_id)

    @router.post(
        "/password",
        operation_id="change_password",
        status_code=HTTPStatus.NO_CONTENT,
        responses=problem_responses(
            Unauthenticated, InvalidToken, InvalidCredentials, AccountLocked
        ),
    )
    async def change_password(
        auth: AuthDep, principal: SensitivePrincipalDep, change: PasswordChange
    ) -> None:
        """Change the password and end every session."""
        await auth.change_password(
            principal.user_id,
            current=change.current_password.get_secret_value(),
            new=change.new_password.get_secret_value(),
        )

    @router.get("/me", operation_id="read_me", responses=known)
    async def read_me(auth: AuthDep, principal: SensitivePrincipalDep) -> AccountOut:
        """Show the account that is logged in."""
        return AccountOut.model_validate(await auth.account(principal.user_id))


def jwks_router() -> APIRouter:
    """Return the route of the public keys (RFC 7517), for others who verify access tokens."""
    router = APIRouter(tags=["auth"])

    @router.get("/.well-known/jwks.json", operation_id="read_keys")
    async def read_keys(auth: AuthDep) -> JSONResponse:
        """Show the public halves of the signing keys."""
        return JSONResponse(auth.keys.document(), headers={"Cache-Control": "public, max-age=300"})

    return router


def _shown(pair: TokenPair) -> TokensOut:
    return TokensOut(
        access_token=pair.access_token,
        expires_in=pair.expires_in,
        refresh_token=pair.refresh_token,
    )
