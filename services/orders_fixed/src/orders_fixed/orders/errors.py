"""The ways in which the room of orders says no."""

from acidkit.errors import NotFound


class OrderNotFound(NotFound):
    """There is no order with this id."""

    code = "order_not_found"
