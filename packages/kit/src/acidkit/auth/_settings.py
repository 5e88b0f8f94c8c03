"""What authentication can be told: who issues tokens, with which keys, and how patient it is."""

import os
from collections.abc import Callable
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from acidkit.settings import EnvironmentSettings

LONGEST_ACCESS = 900.0  # what a stolen or just revoked access token is worth, at most

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the time; tests put their own clock in its place."""
    return datetime.now(UTC)


def _spare_cores() -> int:
    # One core is left to the event loop: hashing must not hold up everybody's reads.
    return max(1, len(os.sched_getaffinity(0)) - 1)


class AuthSettings(BaseModel):
    """Who issues tokens and how long what lasts; seconds throughout.

    `signing_keys` is a JWK set, one JWK or PEM blocks: EC P-256 or Ed25519. The first private key
    signs; all of them verify. Every replica needs the same ones.
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    audience: str = Field(min_length=1, description="Who the access tokens are for.")
    issuer: str = Field(min_length=1, description="Who issues them.")
    signing_keys: SecretStr | None = None
    development_key: bool = Field(
        default=False, description="Make a key up at the start; tokens end with the process."
    )
    access_ttl: float = Field(default=LONGEST_ACCESS, gt=0, le=LONGEST_ACCESS)
    clock_leeway: float = Field(default=5.0, ge=0, le=60)
    refresh_ttl: float = Field(default=30 * 86_400.0, gt=0, description="Of a whole session.")
    refresh_grace: float = Field(
        default=30.0, ge=0, le=300, description="How long a replaced refresh token still works."
    )
    refresh_reach: int = Field(
        default=16,
        ge=1,
        le=64,
        description="How many replacements a replaced token may lie back within the grace; with 1"
        " it ends the session as soon as its successor was replaced.",
    )
    lockout_failures: int = Field(default=5, ge=1, le=100)
    lockout_window: float = Field(default=900.0, gt=0)
    lockout_duration: float = Field(default=900.0, gt=0)
    hash_workers: int = Field(default_factory=_spare_cores, ge=1, le=64)
    hash_queue: int = Field(default=32, ge=0, description="Passwords that may wait to be hashed.")
    hash_wait: float = Field(default=2.0, gt=0)


class AuthEnvironment(EnvironmentSettings):
    """The fields that a service's settings inherit to read `AUTH_…` from the environment.

    What is not set keeps the default of `AuthSettings`.
    """

    auth_issuer: str | None = None
    auth_audience: str | None = None
    auth_signing_keys: SecretStr | None = None
    auth_development_key: bool | None = None
    auth_access_ttl: float | None = None
    auth_refresh_ttl: float | None = None
    auth_refresh_grace: float | None = None
    auth_refresh_reach: int | None = None
    auth_lockout_failures: int | None = None
    auth_lockout_window: float | None = None
    auth_lockout_duration: float | None = None
    auth_hash_workers: int | None = None
    auth_hash_queue: int | None = None
    auth_hash_wait: float | None = None

    def auth(self, *, name: str) -> AuthSettings:
        """Return the settings of a service called `name`, its own issuer and audience by default.

        Raises:
            ValueError: a value is out of its bounds.
        """
        values = {
            field.removeprefix("auth_"): getattr(self, field)
            for field in AuthEnvironment.model_fields
            if getattr(self, field) is not None
        }
        return AuthSettings.model_validate({"issuer": name, "audience": name, **values})
