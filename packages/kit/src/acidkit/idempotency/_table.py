"""The table of keys, for the metadata of a service that uses them."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.sql.naming import conv

NAME = "idempotency_keys"
FINGERPRINT_LENGTH = 32
KEY_LENGTH = 255


def idempotency_table(metadata: sa.MetaData, *, name: str = NAME) -> sa.Table:
    """Declare the table; the service's own migration creates it.

    A row without `status` is a claim whose holder has until `leased_until`. Pages leave room and
    no column that finishing changes has an index, so that it writes to the page alone.
    """
    return sa.Table(
        name,
        metadata,
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("operation", sa.Text, nullable=False),
        sa.Column("key", sa.String(KEY_LENGTH), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("holder", pg.UUID, nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.SmallInteger),
        sa.Column("headers", sa.Text),
        sa.Column("body", sa.LargeBinary),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()
        ),
        sa.PrimaryKeyConstraint("owner", "operation", "key", name=f"{name}_pkey"),
        sa.CheckConstraint(
            f"octet_length(fingerprint) = {FINGERPRINT_LENGTH}",
            name=conv(f"{name}_fingerprint_check"),
        ),
        sa.Index(f"{name}_created_at_idx", "created_at"),
        postgresql_with={"fillfactor": 80},
    )
