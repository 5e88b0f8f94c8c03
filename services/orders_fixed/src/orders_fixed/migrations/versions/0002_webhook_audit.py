"""What the payment provider sent: receipts, refusals, deliveries, and one view of it all."""

import sqlalchemy as sa
from alembic import op

from acidkit.webhooks import webhook_tables

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

AUDIT = """
CREATE VIEW webhook_audit AS
SELECT received_at, webhook_id, outcome, NULL AS reason FROM webhook_deliveries
UNION ALL
SELECT at, message_id, CASE reason WHEN 'replayed' THEN 'duplicate' ELSE 'rejected' END, reason
FROM webhook_rejections
"""


def upgrade() -> None:
    for table in webhook_tables(sa.MetaData()):
        table.create(op.get_bind())
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column(
            "received_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.Column("webhook_id", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="webhook_deliveries_pkey"),
        sa.CheckConstraint(
            "outcome IN ('accepted', 'duplicate')", name="webhook_deliveries_outcome_check"
        ),
    )
    op.execute(AUDIT)


def downgrade() -> None:
    op.execute("DROP VIEW webhook_audit")
    for name in ("webhook_deliveries", "webhook_rejections", "webhook_receipts"):
        op.drop_table(name)
