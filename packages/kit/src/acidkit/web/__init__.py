"""What HTTP needs beyond the framework: strict JSON, stable pages, conditions, partial changes."""

from acidkit.web._conditional import (
    Precondition,
    PreconditionDep,
    PreconditionFailed,
    PreconditionMalformed,
    PreconditionRequired,
    etag_of,
    fresh_headers,
    is_unchanged,
    not_modified,
)
from acidkit.web._links import link_to_next, page_links
from acidkit.web._page import (
    Cursor,
    CursorCodec,
    Slice,
    UuidCursor,
    UuidCursorCodec,
    cut,
    page_limit,
)
from acidkit.web._patch import Clearable, Patch
from acidkit.web._route import StrictRoute

__all__ = [
    "Clearable",
    "Cursor",
    "CursorCodec",
    "Patch",
    "Precondition",
    "PreconditionDep",
    "PreconditionFailed",
    "PreconditionMalformed",
    "PreconditionRequired",
    "Slice",
    "StrictRoute",
    "UuidCursor",
    "UuidCursorCodec",
    "cut",
    "etag_of",
    "fresh_headers",
    "is_unchanged",
    "link_to_next",
    "not_modified",
    "page_limit",
    "page_links",
]
