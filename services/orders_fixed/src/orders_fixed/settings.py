"""What this service reads from its environment; the only place that does."""

from pydantic import Field, SecretStr

from acidkit import EnvironmentSettings
from acidkit.limits import GateSettings


class Settings(EnvironmentSettings):
    """Each field is an environment variable of the same name, or `NAME_FILE` for a mounted file."""

    database_url: SecretStr
    redis_url: SecretStr
    webhook_secrets: SecretStr = Field(description="The newest first; two while rotating.")
    host: str = "0.0.0.0"  # noqa: S104 - a container's service listens on all its interfaces
    port: int = Field(default=8000, ge=0, le=65535)
    log_level: str = "INFO"
    database_pool_size: int = Field(default=12, ge=1)
    cache_ttl_seconds: float = Field(default=45.0, gt=0, le=60)
    max_in_flight: int = Field(default=24, ge=1)
    max_waiting: int = Field(default=48, ge=0)
    max_wait_seconds: float = Field(default=0.1, gt=0)
    drain_seconds: float = Field(default=0.5, ge=0)

    @property
    def gate(self) -> GateSettings:
        """How much one process takes on."""
        return GateSettings(
            in_flight=self.max_in_flight, waiting=self.max_waiting, wait=self.max_wait_seconds
        )
