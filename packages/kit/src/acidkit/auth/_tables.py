"""The tables of authentication, declared on the service's own metadata.

The service's migration makes them; these are the definitions that it must agree with, names of
constraints included. Times are of the service's clock, in UTC.

    users             who may log in; `email` is stored in one form, so that UNIQUE is about people
    login_attempts    wrong passwords per e-mail address, known or not, by its SHA-256
    refresh_families  one row per login: a session, and how far its refresh tokens have come
    refresh_tokens    one row per refresh token ever given out, by its SHA-256; never updated
    auth_events       what somebody will ask about later: lock-outs, reuse, changed passwords
"""

from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY


class AuthTables(NamedTuple):
    """What `declare_tables` declared."""

    users: Table
    login_attempts: Table
    refresh_families: Table
    refresh_tokens: Table
    auth_events: Table


def declare_tables(metadata: MetaData) -> AuthTables:
    """Declare the tables on `metadata`; call it once, beside the service's own tables.

    A service's tables refer to a user by `ForeignKey("users.id")`.
    """
    return AuthTables(
        users=_users(metadata),
        login_attempts=_login_attempts(metadata),
        refresh_families=_refresh_families(metadata),
        refresh_tokens=_refresh_tokens(metadata),
        auth_events=_auth_events(metadata),
    )


def _time(name: str, **options: Any) -> Column[Any]:
    return Column(name, DateTime(timezone=True), **{"nullable": False, **options})


def _users(metadata: MetaData) -> Table:
    return Table(
        "users",
        metadata,
        Column("id", Uuid, nullable=False),
        Column("email", String(254), nullable=False),
        Column("password_hash", String(255), nullable=False),
        _time("created_at"),
        _time("disabled_at", nullable=True),
        PrimaryKeyConstraint("id", name="users_pkey"),
        UniqueConstraint("email", name="users_email_key"),
    )


def _login_attempts(metadata: MetaData) -> Table:
    return Table(
        "login_attempts",
        metadata,
        Column("mail_hash", LargeBinary(32), nullable=False),
        Column("failed_at", ARRAY(DateTime(timezone=True)), nullable=False),
        Column("pending", Integer, nullable=False, server_default=text("0")),
        _time("pending_at", nullable=True),
        _time("locked_until", nullable=True),
        _time("expires_at"),
        PrimaryKeyConstraint("mail_hash", name="login_attempts_pkey"),
        Index("login_attempts_expires_at_idx", "expires_at"),
    )


def _refresh_families(metadata: MetaData) -> Table:
    user = ForeignKey("users.id", name="refresh_families_user_id_fkey", ondelete="CASCADE")
    return Table(
        "refresh_families",
        metadata,
        Column("id", Uuid, nullable=False),
        Column("user_id", Uuid, user, nullable=False),
        Column("generation", Integer, nullable=False, server_default=text("0")),
        _time("created_at"),
        _time("expires_at"),
        _time("revoked_at", nullable=True),
        PrimaryKeyConstraint("id", name="refresh_families_pkey"),
        Index("refresh_families_user_id_idx", "user_id"),
        Index("refresh_families_expires_at_idx", "expires_at"),
    )


def _refresh_tokens(metadata: MetaData) -> Table:
    family = ForeignKey(
        "refresh_families.id", name="refresh_tokens_family_id_fkey", ondelete="CASCADE"
    )
    return Table(
        "refresh_tokens",
        metadata,
        Column("token_hash", LargeBinary(32), nullable=False),
        Column("family_id", Uuid, family, nullable=False),
        Column("generation", Integer, nullable=False),
        Column("salt", LargeBinary(32), nullable=False),
        _time("created_at"),
        PrimaryKeyConstraint("token_hash", name="refresh_tokens_pkey"),
        UniqueConstraint("family_id", "generation", name="refresh_tokens_family_id_generation_key"),
    )


def _auth_events(metadata: MetaData) -> Table:
    return Table(
        "auth_events",
        metadata,
        Column("id", BigInteger, Identity(always=True), nullable=False),
        _time("at"),
        Column("kind", String(40), nullable=False),
        # No foreign keys: what happened outlives whom it happened to.
        Column("user_id", Uuid, nullable=True),
        Column("session_id", Uuid, nullable=True),
        Column("trace_id", String(32), nullable=False),
        PrimaryKeyConstraint("id", name="auth_events_pkey"),
        Index("auth_events_at_idx", "at"),
        Index("auth_events_user_id_idx", "user_id"),
    )
