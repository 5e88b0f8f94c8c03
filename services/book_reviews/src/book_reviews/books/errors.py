"""The ways in which the room of books says no."""

from acidkit.errors import Conflict, NotFound


class BookNotFound(NotFound):
    """There is no book with this id."""

    code = "book_not_found"


class IsbnTaken(Conflict):
    """Another book has this ISBN already."""

    code = "isbn_taken"
