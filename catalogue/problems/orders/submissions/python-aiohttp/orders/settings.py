"""The only place that reads the environment."""

from collections.abc import Mapping
from dataclasses import dataclass


class BadSettings(Exception):
    """The environment does not say what the service needs to know."""


@dataclass(frozen=True)
class Settings:
    """What the service is told from outside; times in seconds, limits per minute, 0 for no limit."""

    port: int
    database_url: str
    redis_url: str
    secret: bytes
    per_ip: int
    per_user: int
    lockout: int
    access_life: int


def read(env: Mapping[str, str]) -> Settings:
    """Check everything at once, so that a wrong value is told at the start and not in the night."""
    missing = [name for name in ("DATABASE_URL", "REDIS_URL", "SECRET_KEY") if not env.get(name)]
    if missing:
        raise BadSettings(f"must be set: {', '.join(missing)}")
    if len(env["SECRET_KEY"]) < 32:
        raise BadSettings("SECRET_KEY must have at least 32 characters")
    return Settings(
        port=_number(env, "PORT", 8000),
        database_url=env["DATABASE_URL"],
        redis_url=env["REDIS_URL"],
        secret=env["SECRET_KEY"].encode(),
        per_ip=_number(env, "RATE_LIMIT_PER_IP", 0),
        per_user=_number(env, "RATE_LIMIT_PER_USER", 0),
        lockout=_number(env, "LOCKOUT_SECONDS", 900) or 900,
        access_life=_number(env, "ACCESS_TOKEN_SECONDS", 600) or 600,
    )


def _number(env: Mapping[str, str], name: str, default: int) -> int:
    text = env.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and len(text) < 8):
        raise BadSettings(f"{name} must be a whole number")
    return int(text)
