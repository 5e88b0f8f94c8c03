"""The tables as they were found, and the one the repair added.

The old ones are not this service's to create: its migrations find them with their data.
"""

from sqlalchemy import (
    CHAR,
    BigInteger,
    Column,
    DateTime,
    Enum,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    func,
)

from acidkit.webhooks import webhook_tables

STATUSES = ("pending", "paid", "cancelled")
OUTCOMES = ("accepted", "duplicate")

metadata = MetaData()

products = Table(
    "products",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("name", Text, nullable=False),
    Column("price_cents", Integer, nullable=False),
)

orders = Table(
    "orders",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("user_id", BigInteger, nullable=False),
    Column("status", Enum(*STATUSES, name="order_status", create_type=False), nullable=False),
    Column("currency", CHAR(3), nullable=False),
    Column("total_cents", Integer, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
)
Index("orders_newest_idx", orders.c.created_at.desc(), orders.c.id.desc())
Index("orders_status_newest_idx", orders.c.status, orders.c.created_at.desc(), orders.c.id.desc())

order_items = Table(
    "order_items",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("order_id", ForeignKey(orders.c.id), nullable=False),
    Column("product_id", ForeignKey(products.c.id), nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("unit_price_cents", Integer, nullable=False),
)
Index("order_items_order_idx", order_items.c.order_id)
Index("order_items_product_idx", order_items.c.product_id)

webhook_receipts, webhook_rejections = webhook_tables(metadata)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("received_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("webhook_id", Text, nullable=False),
    Column("outcome", Text, nullable=False),
)
