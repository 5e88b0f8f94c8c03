"""Link headers of pages (RFC 8288)."""

from collections.abc import Mapping
from urllib.parse import urlencode


def link_to_next(path: str, *, limit: int, cursor: str) -> str:
    """Return the value of a Link header that leads to the next page."""
    return page_links(path, {"limit": limit}, following=cursor)


def page_links(
    path: str,
    query: Mapping[str, str | int],
    *,
    following: str | None = None,
    preceding: str | None = None,
    first: bool = False,
) -> str:
    """Return the value of a Link header that leads to the pages around this one, or an empty text.

    Args:
        path: The list's path.
        query: What every page repeats: the limit and the filters.
        following: The cursor of the next page, if there is one.
        preceding: The cursor of the page before, if there is one.
        first: Whether to lead to the first page too.
    """
    pages: list[tuple[str, Mapping[str, str | int]]] = []
    if following:
        pages.append(("next", {**query, "cursor": following}))
    if preceding:
        pages.append(("prev", {**query, "cursor": preceding}))
    if first:
        pages.append(("first", query))
    return ", ".join(f'<{path}?{urlencode(page)}>; rel="{name}"' for name, page in pages)
