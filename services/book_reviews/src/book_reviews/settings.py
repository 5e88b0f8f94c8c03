"""What this service reads from its environment; the only place that does."""

from pydantic import Field, SecretStr

from acidkit import EnvironmentSettings


class Settings(EnvironmentSettings):
    """Each field is an environment variable of the same name, or `NAME_FILE` for a mounted file."""

    database_url: SecretStr
    redis_url: SecretStr
    host: str = "0.0.0.0"  # noqa: S104 - a container's service listens on all its interfaces
    port: int = Field(default=8000, ge=0, le=65535)
    log_level: str = "INFO"
    database_pool_size: int = Field(default=20, ge=1)
    cache_ttl_seconds: float = Field(default=30.0, gt=0)
    drain_seconds: float = Field(default=0.5, ge=0)
    otel_exporter_otlp_endpoint: str | None = None
