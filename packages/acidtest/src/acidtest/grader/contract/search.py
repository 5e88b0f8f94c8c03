"""Finding the service's OpenAPI document: served, named by its documentation page, or in a file."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from acidtest.grader.client.message import Reply, Request
from acidtest.grader.contract.document import OpenApiDocument


async def find_document(
    probe: Callable[[Request], Awaitable[Reply]],
    *,
    folder: Path | None = None,
    prefixes: tuple[str, ...] = ("", "/api", "/api/v1", "/v1"),
) -> OpenApiDocument | None:
    """Look for the document at the usual addresses, then in `folder`; None when there is none."""
    raise NotImplementedError
