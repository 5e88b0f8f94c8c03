"""Users, sessions and orders, the rules that keep them whole and the indexes that find them."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STATUS = postgresql.ENUM("pending", "paid", "cancelled", name="order_status", create_type=False)


def upgrade() -> None:
    _users()
    _login_attempts()
    _sessions()
    _auth_events()
    _orders()
    _idempotency_keys()


def downgrade() -> None:
    for name in ("idempotency_keys", "orders"):
        op.drop_table(name)
    op.execute("DROP TYPE order_status")
    for name in ("auth_events", "refresh_tokens", "refresh_families", "login_attempts", "users"):
        op.drop_table(name)


def _users() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("password_hash", sa.String(255), nullable=False),
        _time("created_at", server_default=sa.func.now()),
        _time("disabled_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name="users_pkey"),
        sa.UniqueConstraint("email", name="users_email_key"),
        # UNIQUE tells people apart only while an address is written in one way.
        sa.CheckConstraint("""email = lower(email COLLATE "C")""", name="users_email_check"),
    )


def _login_attempts() -> None:
    op.create_table(
        "login_attempts",
        sa.Column("mail_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("failed_at", postgresql.ARRAY(sa.DateTime(timezone=True)), nullable=False),
        sa.Column("pending", sa.Integer(), server_default="0", nullable=False),
        _time("pending_at", nullable=True),
        _time("locked_until", nullable=True),
        _time("expires_at"),
        sa.PrimaryKeyConstraint("mail_hash", name="login_attempts_pkey"),
    )
    op.create_index("login_attempts_expires_at_idx", "login_attempts", ["expires_at"])


def _sessions() -> None:
    op.create_table(
        "refresh_families",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("generation", sa.Integer(), server_default="0", nullable=False),
        _time("created_at"),
        _time("expires_at"),
        _time("revoked_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name="refresh_families_pkey"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="refresh_families_user_id_fkey", ondelete="CASCADE"
        ),
    )
    op.create_index("refresh_families_user_id_idx", "refresh_families", ["user_id"])
    op.create_index("refresh_families_expires_at_idx", "refresh_families", ["expires_at"])
    op.create_table(
        "refresh_tokens",
        sa.Column("token_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("family_id", sa.Uuid(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("salt", sa.LargeBinary(32), nullable=False),
        _time("created_at"),
        sa.PrimaryKeyConstraint("token_hash", name="refresh_tokens_pkey"),
        sa.ForeignKeyConstraint(
            ["family_id"],
            ["refresh_families.id"],
            name="refresh_tokens_family_id_fkey",
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint(
            "family_id", "generation", name="refresh_tokens_family_id_generation_key"
        ),
    )


def _auth_events() -> None:
    op.create_table(
        "auth_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        _time("at"),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.Column("trace_id", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("id", name="auth_events_pkey"),
    )
    op.create_index("auth_events_at_idx", "auth_events", ["at"])
    op.create_index("auth_events_user_id_idx", "auth_events", ["user_id"])


def _orders() -> None:
    op.execute("CREATE TYPE order_status AS ENUM ('pending', 'paid', 'cancelled')")
    op.create_table(
        "orders",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("total_cents", sa.Integer(), nullable=False),
        sa.Column("currency", sa.CHAR(3), nullable=False),
        sa.Column("status", STATUS, server_default=sa.text("'pending'"), nullable=False),
        _time("created_at", server_default=sa.func.now()),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="orders_pkey"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="orders_user_id_fkey", ondelete="RESTRICT"
        ),
        sa.CheckConstraint("total_cents >= 0", name="orders_total_cents_check"),
        sa.CheckConstraint("currency ~ '^[A-Z]{3}$'", name="orders_currency_check"),
        sa.CheckConstraint("version > 0", name="orders_version_check"),
    )
    op.create_index(
        "orders_newest_idx", "orders", ["user_id", sa.text("created_at DESC"), sa.text("id DESC")]
    )
    op.create_index("orders_status_idx", "orders", ["status"])


def _idempotency_keys() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("holder", sa.Uuid(), nullable=False),
        _time("leased_until"),
        sa.Column("status", sa.SmallInteger()),
        sa.Column("headers", sa.Text()),
        sa.Column("body", sa.LargeBinary()),
        _time("created_at", server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("owner", "operation", "key", name="idempotency_keys_pkey"),
        sa.CheckConstraint(
            "octet_length(fingerprint) = 32", name="idempotency_keys_fingerprint_check"
        ),
        # Room on each page, so that keeping an answer touches no index.
        postgresql_with={"fillfactor": 80},
    )
    op.create_index("idempotency_keys_created_at_idx", "idempotency_keys", ["created_at"])


def _time(name: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), **{"nullable": False, **options})
