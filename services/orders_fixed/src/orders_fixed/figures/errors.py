"""The ways in which the room of figures says no."""

from acidkit.errors import NotFound


class ProductNotFound(NotFound):
    """There is no product with this id."""

    code = "product_not_found"
