"""A dialect once it is known: paths, encoding, decoding, pages."""

from typing import Any

from acidtest.catalogue.problem import Problem
from acidtest.grader.client.message import Reply, Request
from acidtest.grader.dialect.mismatch import Mismatch
from acidtest.grader.dialect.paging import Offered


class Item(dict[str, Any]):
    """One thing of the service under its canonical field names; fields it lacks are absent."""

    def __init__(self, values: dict[str, Any], *, raw: dict[str, Any]) -> None:
        super().__init__(values)
        self.raw = raw
        """The object as the service wrote it."""


class Dialect:
    """Translates between the statement's words and one service's."""

    problem: Problem
    mismatches: tuple[Mismatch, ...]
    """What could not be mapped; the statement's own names are used for it."""

    @classmethod
    def canonical(cls, problem: Problem) -> "Dialect":
        """The statement's own words."""
        raise NotImplementedError

    def path(self, operation: str, **ids: object) -> str:
        """The percent-encoded path of `operation`, with `ids` under canonical parameter names."""
        raise NotImplementedError

    def method(self, operation: str) -> str:
        """The HTTP method of `operation`."""
        raise NotImplementedError

    def template(self, operation: str) -> str:
        """The path template of `operation` as the service names it."""
        raise NotImplementedError

    def encode(self, resource: str, canonical: dict[str, Any]) -> dict[str, Any]:
        """The body that says `canonical` to the service; unknown keys stay, extras are added."""
        raise NotImplementedError

    def decode_one(self, operation: str, value: Any) -> Item:
        """The single thing in an answer.

        Raises:
            DecodeError: there is no object.
        """
        raise NotImplementedError

    def decode_many(self, operation: str, value: Any) -> list[Item]:
        """The list of things in an answer.

        Raises:
            DecodeError: there is no list of objects.
        """
        raise NotImplementedError

    def page(self, operation: str, reply: Reply) -> Request | None:
        """The request for the page after `reply`; None when it was the last or there are none."""
        raise NotImplementedError

    def query(self, operation: str) -> Offered:
        """The paging parameters that the list `operation` offers."""
        raise NotImplementedError

    def field(self, resource: str, name: str) -> str:
        """What the service calls the field `name` in a request."""
        raise NotImplementedError

    def mapping(self) -> dict[str, str]:
        """How each operation and field was found, for the report."""
        raise NotImplementedError
