"""What did not fit: contract mismatches and answers that hold no list or object."""

from typing import NamedTuple


class Mismatch(NamedTuple):
    """Something of the statement that could not be found in the service."""

    subject: str
    """An operation, such as `create_book`, or a field, such as `review.comment`."""
    tried: tuple[str, ...]
    """The names or paths that were tried, in order."""
    reason: str
    """What was seen instead, in a sentence; may quote hostile text."""


class DecodeError(Exception):
    """An answer has no list or object where the operation returns one.

    Attributes:
        operation: which operation's answer it was.
        expected: `a list` or `an object`.
        seen: what was there instead, clipped; hostile text.
    """

    def __init__(self, operation: str, *, expected: str, seen: str) -> None:
        super().__init__(f"{operation} should answer with {expected}, but answered with {seen}")
        self.operation = operation
        self.expected = expected
        self.seen = seen
