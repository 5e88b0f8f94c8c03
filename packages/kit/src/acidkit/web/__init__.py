"""What HTTP needs beyond the framework: strict JSON, and pages that neither skip nor repeat."""

from acidkit.web._page import Cursor, CursorCodec, link_to_next, page_limit
from acidkit.web._route import StrictRoute

__all__ = ["Cursor", "CursorCodec", "StrictRoute", "link_to_next", "page_limit"]
