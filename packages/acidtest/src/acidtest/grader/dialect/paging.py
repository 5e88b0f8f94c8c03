"""Pages: which parameters a list offers, and the request for the page after this one."""

from typing import NamedTuple


class Offered(NamedTuple):
    """The query parameters of a list that move through it, by what they mean; None when absent."""

    limit: str | None = None
    cursor: str | None = None
    offset: str | None = None
    page: str | None = None

    @property
    def any(self) -> bool:
        """Whether the list can be walked page by page."""
        return bool(self.cursor or self.offset or self.page)
