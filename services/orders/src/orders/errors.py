"""The ways in which this service says no, beyond those of the kit."""

from acidkit.errors import Conflict, NotFound


class OrderNotFound(NotFound):
    """There is no such order of yours."""

    # Somebody else's order is answered in the same way: an id must not tell that it is taken.
    code = "order_not_found"


class OrderSettled(Conflict):
    """Only a pending order can be changed."""

    code = "order_settled"
