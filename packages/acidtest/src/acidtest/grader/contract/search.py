"""Finding the service's OpenAPI document: served, named by its documentation page, or in a file."""

import itertools
import re
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

from acidtest.grader.client.message import Reply, Request
from acidtest.grader.contract.document import ContractError, OpenApiDocument
from acidtest.grader.contract.reading import MAX_BYTES

Probe = Callable[[Request], Awaitable[Reply]]

_NAMES = ("/openapi.json", "/swagger.json", "/openapi.yaml", "/api-docs", "/api-docs.json",
          "/docs-json", "/docs/openapi.json", "/v3/api-docs", "/swagger/v1/swagger.json",
          "/api-docs/swagger.json", "/swagger/doc.json", "/swagger-json", "/api-json",
          "/openapi.yml", "/swagger.yaml", "/openapi", "/schema", "/apispec_1.json", "/doc.json",
          "/api/schema/", "/schema/openapi.json")  # fmt: skip
_PAGES = ("/docs", "/api-docs/", "/swagger", "/swagger-ui/index.html", "/swagger-ui.html", "/redoc",
          "/documentation", "/apidocs/", "/api")  # fmt: skip
_MAX_SILENCE = 3
_NAMED = re.compile(
    r"""(?:\burl|spec-?url|spec_url|data-url|href)["']?\s*[:=]\s*["']([^"'\s<>]{1,300})["']""",
    re.IGNORECASE,
)
_STARTS = re.compile(r"""\bsrc=["']([^"'\s<>]{0,200}init[^"'\s<>]{0,40}\.js)["']""", re.IGNORECASE)
_HELD = re.compile(r"""\b["']?(?:swaggerDoc|spec)["']?\s*:\s*\{""")
_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*+"|[{}]')
_FILES = ("openapi", "swagger", "api", "api-spec", "openapi-spec", "spec", "contract")
_FOLDERS = ("", "docs", "doc", "api", "spec", "openapi", "swagger", "public", "static", "src",
            "src/docs", "docs/api", "app", "resources")  # fmt: skip
_ENDINGS = ("yaml", "yml", "json")
_JSON_AND_REST = {"Accept": "application/json, */*;q=0.8"}


async def find_document(
    probe: Probe,
    *,
    folder: Path | None = None,
    prefixes: tuple[str, ...] = ("", "/api", "/api/v1", "/v1"),
) -> OpenApiDocument | None:
    """Look for the document at the usual addresses, then in `folder`; None when there is none."""
    search = _Search(probe)
    for path in [f"{prefix}{name}" for prefix in prefixes for name in _NAMES[:9]] + [*_NAMES[9:]]:
        document = await search.at(path)
        if document is not None or search.silent:
            break
    else:
        document = await search.in_pages([f"{p}{page}" for p in prefixes[:2] for page in _PAGES])
    if document is None and folder is not None:
        document = next(_in_folder(folder), None)
    return document


class _Page(NamedTuple):
    """A page that was answered with 2xx, and where it really lies."""

    path: str
    reply: Reply


class _Search:
    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self._silence = 0
        self._asked: dict[str, _Page | None] = {}

    @property
    def silent(self) -> bool:
        return self._silence >= _MAX_SILENCE

    async def _get(self, path: str) -> _Page | None:
        """The page at `path`, one redirect inside the service followed; None if there is none."""
        if path in self._asked or self.silent:
            return self._asked.get(path)
        self._asked[path] = None
        reply = await self._probe(Request("GET", path, headers=_JSON_AND_REST))
        self._silence = 0 if reply.status is not None else self._silence + 1
        if reply.ok:
            self._asked[path] = _Page(path, reply)
        elif reply.status is not None and reply.status // 100 == 3:  # noqa: PLR2004 - 3xx
            there = _local(path, reply.headers.get("Location", ""))
            if there is not None and there not in self._asked:
                self._asked[path] = await self._once(there)
            elif there is not None:
                self._asked[path] = self._asked[there]
        return self._asked[path]

    async def _once(self, path: str) -> _Page | None:
        """The page at `path` without following it further."""
        reply = await self._probe(Request("GET", path, headers=_JSON_AND_REST))
        self._asked[path] = _Page(path, reply) if reply.ok else None
        return self._asked[path]

    async def at(self, path: str) -> OpenApiDocument | None:
        page = await self._get(path)
        return _parsed(page.reply.body, path) if page is not None else None

    async def in_pages(self, pages: list[str]) -> OpenApiDocument | None:
        for address in pages:
            page = await self._get(address)
            if page is None or "html" not in page.reply.media_type:
                continue
            for named in self._named_in(page.path, page.reply.text):
                document = await self.at(named)
                if document is not None:
                    return document
            document = await self._written_into(page)
            if document is not None:
                return document
        return None

    async def _written_into(self, page: _Page) -> OpenApiDocument | None:
        """The document that a page, or a script that starts it, carries inside."""
        scripts = [_local(page.path, name) for name in _STARTS.findall(page.reply.text[:400_000])]
        for source in [page, *[await self._get(name) for name in scripts[:3] if name]]:
            inside = embedded(source.reply.text) if source is not None else None
            document = _parsed(inside.encode(), source.path) if source and inside else None
            if document is not None:
                return document
        return None

    @staticmethod
    def _named_in(page: str, text: str) -> list[str]:
        found = [_local(page, name) for name in _NAMED.findall(text[:400_000])[:40]]
        likely = [f for f in found if f and re.search(r"json|ya?ml|docs|spec|schema|openapi", f)]
        return list(dict.fromkeys(likely))[:10]


def embedded(text: str) -> str | None:
    """Return the JSON object that a script of Swagger UI holds as its document, if any."""
    found = _HELD.search(text[:MAX_BYTES])
    if found is None:
        return None
    depth, start = 0, found.end() - 1
    for token in _TOKENS.finditer(text, start, start + MAX_BYTES):
        depth += {"{": 1, "}": -1}.get(token[0], 0)
        if depth == 0:
            return text[start : token.end()]
    return None


def _local(page: str, address: str) -> str | None:
    """The path that `address` on `page` leads to; the service is asked, whatever host it names."""
    if not address or not address.isascii() or not address.isprintable():
        return None
    try:
        parts = urlsplit(urljoin(f"http://service{page}", address))
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not parts.path:
        return None
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def _parsed(text: bytes, source: str) -> OpenApiDocument | None:
    head = text[:20_000]
    if b"openapi" not in head and b"swagger" not in head and b"paths" not in text:
        return None
    try:
        return OpenApiDocument.parse(text, source=source)
    except ContractError:
        return None


def _in_folder(folder: Path) -> Iterator[OpenApiDocument]:
    for place, name, ending in itertools.product(_FOLDERS, _FILES, _ENDINGS):
        path = folder / place / f"{name}.{ending}"
        # Links may lead out of the submission; what lies there is not its document.
        if path.is_symlink() or not path.is_file() or path.stat().st_size > MAX_BYTES:
            continue
        if not path.resolve().is_relative_to(folder.resolve()):
            continue
        document = _parsed(path.read_bytes(), path.relative_to(folder).as_posix())
        if document is not None:
            yield document
