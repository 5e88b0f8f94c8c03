"""The indexes that were missing, built beside the traffic.

CONCURRENTLY keeps writers going, at the price of running outside a transaction: a build that fails
leaves an invalid index behind, which is removed first when it is run again.
"""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

INDEXES = {
    "orders_newest_idx": "orders (created_at DESC, id DESC)",
    "orders_status_newest_idx": "orders (status, created_at DESC, id DESC)",
    "order_items_order_idx": "order_items (order_id)",
    "order_items_product_idx": "order_items (product_id)",
}


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for name, place in INDEXES.items():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {place}")


def downgrade() -> None:
    with op.get_context().autocommit_block():
        for name in INDEXES:
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
