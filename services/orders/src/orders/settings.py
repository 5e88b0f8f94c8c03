"""What this service reads from its environment; the only place that does."""

from pydantic import Field, SecretStr, field_validator

from acidkit import EnvironmentSettings
from acidkit.limits import TrustedProxies


class Settings(EnvironmentSettings):
    """Each field is an environment variable of the same name, or `NAME_FILE` for a mounted file."""

    database_url: SecretStr
    redis_url: SecretStr
    secret_key: SecretStr = Field(
        min_length=32, description="The same at every instance; all keys are derived from it."
    )
    signing_keys: SecretStr | None = Field(
        default=None,
        description="JWK set or PEM of the token keys, instead of the derived one: for rotation.",
    )
    rate_limit_per_ip: int = Field(default=0, ge=0, description="Requests a minute; 0: no limit.")
    rate_limit_per_user: int = Field(default=0, ge=0, description="Requests a minute; 0: no limit.")
    trusted_proxies: str = Field(
        default="", description="Such as `10.0.0.0/8` or `hops=1`; nobody if empty."
    )
    lockout_seconds: float = Field(default=900, gt=0)
    access_token_seconds: float = Field(default=900, gt=0, le=900)
    host: str = "0.0.0.0"  # noqa: S104 - a container's service listens on all its interfaces
    port: int = Field(default=8000, ge=0, le=65535)
    log_level: str = "INFO"
    database_pool_size: int = Field(default=16, ge=2)
    drain_seconds: float = Field(default=0.5, ge=0)
    otel_exporter_otlp_endpoint: str | None = None

    @field_validator("trusted_proxies")
    @classmethod
    def _readable(cls, text: str) -> str:
        TrustedProxies.parse(text)
        return text
