"""The ways in which the room of reviews says no: the ones of books, for now."""

from book_reviews.books.errors import BookNotFound

__all__ = ["BookNotFound"]
