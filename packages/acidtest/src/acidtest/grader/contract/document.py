"""An OpenAPI document as data: parsed within bounds, references resolved on demand."""

from typing import Any


class ContractError(Exception):
    """The text is no OpenAPI 3 document; the message says why."""


class OpenApiDocument:
    """A parsed OpenAPI 3 document and where it was found."""

    source: str
    """The URL path it was served at, or the file's path in the repository."""
    root: dict[str, Any]

    @classmethod
    def parse(cls, text: bytes, *, source: str) -> "OpenApiDocument":
        """Read JSON or YAML within bounds.

        Raises:
            ContractError: it is too large, too deep, of another version or nothing of the kind.
        """
        raise NotImplementedError

    @property
    def version(self) -> str:
        """What it says of itself, such as `3.1.0`."""
        raise NotImplementedError

    def describes(self, method: str, path: str) -> bool:
        """Whether it has this operation; parameter names and a server's prefix do not matter."""
        raise NotImplementedError
