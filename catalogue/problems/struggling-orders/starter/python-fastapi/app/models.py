"""The tables."""

from sqlalchemy import CHAR, BigInteger, DateTime, Enum, ForeignKey, Integer, Text
from sqlalchemy.orm import DeclarativeBase, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class Product(Base):
    __tablename__ = "products"

    id = mapped_column(BigInteger, primary_key=True)
    name = mapped_column(Text)
    price_cents = mapped_column(Integer)


class Order(Base):
    __tablename__ = "orders"

    id = mapped_column(BigInteger, primary_key=True)
    user_id = mapped_column(BigInteger)
    status = mapped_column(Enum("pending", "paid", "cancelled", name="order_status"))
    currency = mapped_column(CHAR(3))
    total_cents = mapped_column(Integer)
    created_at = mapped_column(DateTime(timezone=True))

    items = relationship("OrderItem", order_by="OrderItem.id")


class OrderItem(Base):
    __tablename__ = "order_items"

    id = mapped_column(BigInteger, primary_key=True)
    order_id = mapped_column(ForeignKey("orders.id"))
    product_id = mapped_column(ForeignKey("products.id"))
    quantity = mapped_column(Integer)
    unit_price_cents = mapped_column(Integer)

    product = relationship("Product")
