"""Pages: which parameters a list offers, and the request for the page after this one."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urljoin, urlsplit

from acidtest.grader.client.message import Reply, Request
from acidtest.grader.dialect.names import words

_LIMIT = {"limit", "size", "page_size", "per_page", "count", "take", "first", "max_results", "top"}
_CURSOR = {"cursor", "after", "page_token", "next_token", "starting_after", "next_cursor", "token",
           "continuation", "continuation_token", "next"}  # fmt: skip
_OFFSET = {"offset", "skip", "start", "from"}
_PAGE = {"page", "page_number", "page_no", "page_num", "p"}
_NEXT_CURSOR = {"next_cursor", "next_page_token", "next_token", "end_cursor", "next_page_cursor",
                "continuation_token", "continuation"}  # fmt: skip
_NEXT_URL = {"next", "next_url", "next_page", "next_page_url", "next_link"}
_SECTIONS = ("pagination", "meta", "page_info", "pageInfo", "links", "_links", "paging", "page",
             "cursor", "cursors", "data", "info", "metadata")  # fmt: skip
_LINK = re.compile(r"<([^<>]*)>[^<]*?;\s*rel\s*=\s*\"?([^\";,]*)", re.IGNORECASE)
_MAX_CURSOR = 4_096


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

    @classmethod
    def among(cls, names: Iterable[str]) -> "Offered":
        """Sort query parameters by what their names mean."""
        spelled = {"_".join(words(name)): name for name in reversed(list(names))}

        def first(known: set[str]) -> str | None:
            return next((name for said, name in reversed(spelled.items()) if said in known), None)

        return cls(first(_LIMIT), first(_CURSOR), first(_OFFSET), first(_PAGE))

    @classmethod
    def shown_by(cls, value: Any) -> "Offered":
        """What the body of a page lets us conclude, where no document tells."""
        said = _Said(value)
        cursor = "cursor" if said.named(*_NEXT_CURSOR) else None
        offset, page = said.named("offset", "skip"), said.named("page", "current_page")
        if page is not None and said.number("page", "current_page") is None:
            page = None
        if said.named("total_pages") and said.number("number") is not None:
            page = "page"
        limit = said.named("limit", "per_page", "page_size", "size")
        found = cls(limit, cursor, offset, "page" if page else None)
        return found if found.any else cls()

    def or_else(self, other: "Offered") -> "Offered":
        """This, with what it lacks from `other`."""
        return Offered(*(mine or theirs for mine, theirs in zip(self, other, strict=True)))


def next_page(reply: Reply, value: Any, *, size: int, offered: Offered) -> Request | None:
    """The request for the page after `reply`.

    Args:
        reply: a page.
        value: its body as JSON.
        size: how many items it holds.
        offered: what the list is known to take.
    """
    said = _Said(value)
    if said.has_more is False:
        return None
    url = _linked(reply) or said.next_url
    if url is not None:
        return _to(reply, url)
    if said.cursor is not None:
        return _with(reply, offered.cursor or "cursor", said.cursor)
    return _counted(reply, said, size, offered)


class _Said:
    """What a page says of the pages around it, wherever it says it."""

    def __init__(self, value: Any) -> None:
        self._facts: dict[str, Any] = {}
        self._names: dict[str, str] = {}
        if isinstance(value, Mapping):
            self._collect(value)

    def _collect(self, value: Mapping[str, Any]) -> None:
        sections = [value[key] for key in _SECTIONS if isinstance(value.get(key), Mapping)]
        deeper = [s[k] for s in sections for k in _SECTIONS if isinstance(s.get(k), Mapping)]
        for section in (value, *sections, *deeper):
            for name, fact in section.items():
                self._facts.setdefault("_".join(words(name)), fact)
                self._names.setdefault("_".join(words(name)), name)

    def named(self, *names: str) -> str | None:
        """The first of these facts that is told, even as null, under the name it has there."""
        return next((self._names[name] for name in names if name in self._names), None)

    @property
    def has_more(self) -> bool | None:
        for name in ("has_more", "has_next", "has_next_page", "more"):
            if isinstance(self._facts.get(name), bool):
                return bool(self._facts[name])
        last = self._facts.get("last")
        return not last if isinstance(last, bool) else None

    @property
    def next_url(self) -> str | None:
        for name in _NEXT_URL:
            fact = self._facts.get(name)
            if isinstance(fact, Mapping):
                fact = fact.get("href") or fact.get("url")
            if isinstance(fact, str) and re.match(r"https?://|[/?]", fact):
                return fact
        return None

    @property
    def cursor(self) -> str | None:
        for name in (*sorted(_NEXT_CURSOR), "next"):
            fact = self._facts.get(name)
            if isinstance(fact, str) and fact and len(fact) <= _MAX_CURSOR:
                return fact
            if type(fact) is int and name != "next":
                return str(fact)
        return None

    def number(self, *names: str) -> int | None:
        for name in names:
            fact = self._facts.get(name)
            if type(fact) is int:
                return fact
        return None


def _counted(reply: Reply, said: _Said, size: int, offered: Offered) -> Request | None:
    if not size:
        return None
    total = said.number("total", "total_count", "total_items", "total_elements", "count_total")
    given = _query(reply)
    limit = said.number("limit", "page_size", "per_page", "size") or _whole(
        given.get(offered.limit or "limit")
    )
    page = said.number("page", "current_page", "page_number", "number", "next_page")
    pages = said.number("total_pages", "pages", "page_count", "last_page")
    if pages is None and total is not None and limit:
        pages = -(-total // limit)
    if page is not None and pages is not None:
        zero_based = said.number("number") is not None and said.number("page") is None
        more = page + 1 < pages if zero_based else page < pages
        return _with(reply, offered.page or "page", str(page + 1)) if more else None
    return _by_offset(reply, _Count(size, limit, total), said, offered)


class _Count(NamedTuple):
    size: int
    limit: int | None
    total: int | None


def _by_offset(reply: Reply, count: _Count, said: _Said, offered: Offered) -> Request | None:
    given = _query(reply)
    # Who does not say how long its pages are may have more; the page after the last one is empty.
    full = count.limit is None or count.size >= count.limit
    here = said.number("offset", "skip")
    if offered.offset or here is not None:
        name = offered.offset or ("offset" if said.number("offset") is not None else "skip")
        reached = (here if here is not None else _whole(given.get(name)) or 0) + count.size
        more = reached < count.total if count.total is not None else full
        return _with(reply, name, str(reached)) if more else None
    if offered.page and full:
        return _with(reply, offered.page, str((_whole(given.get(offered.page)) or 1) + 1))
    return None


def _linked(reply: Reply) -> str | None:
    for header in reply.headers.getall("Link", ()):
        for url, relation in _LINK.findall(header[: 4 * _MAX_CURSOR]):
            if "next" in relation.lower().split():
                return str(url)
    return None


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(r"[0-9]{1,9}", text) else None


def _query(reply: Reply) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(reply.request.target).query, keep_blank_values=True))


def _to(reply: Reply, url: str) -> Request | None:
    """A request for the path and query of `url`; the host is the service's, whatever it says."""
    try:
        parts = urlsplit(urljoin(f"http://service{reply.request.target}", url))
    except ValueError:
        return None
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    if not path.isascii() or not path.isprintable() or path == reply.request.target:
        return None
    return Request("GET", path.replace(" ", "%20"), headers=reply.request.headers)


def _with(reply: Reply, name: str, value: str) -> Request:
    path = urlsplit(reply.request.target).path
    query = {**_query(reply), name: value}
    return Request("GET", path, query, headers=reply.request.headers)
