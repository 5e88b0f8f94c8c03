"""What HTTP lists need: pages that neither skip nor repeat."""

from acidkit.web._page import Cursor, CursorCodec, link_to_next, page_limit

__all__ = ["Cursor", "CursorCodec", "link_to_next", "page_limit"]
