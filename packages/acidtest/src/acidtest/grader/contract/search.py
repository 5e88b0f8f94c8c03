"""Finding the service's OpenAPI document: served, named by its documentation page, or in a file."""

import itertools
import re
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
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


class _Search:
    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self._silence = 0
        self._asked: set[str] = set()

    @property
    def silent(self) -> bool:
        return self._silence >= _MAX_SILENCE

    async def _get(self, path: str) -> Reply | None:
        """The page at `path`, one redirect inside the service followed; None if there is none."""
        for _ in range(2):
            if path in self._asked or self.silent:
                return None
            self._asked.add(path)
            reply = await self._probe(Request("GET", path, headers=_JSON_AND_REST))
            self._silence = 0 if reply.status is not None else self._silence + 1
            if reply.ok:
                return reply
            there = _local(path, reply.headers.get("Location", ""))
            if reply.status is None or reply.status // 100 != 3 or there is None:  # noqa: PLR2004 - 3xx
                return None
            path = there
        return None

    async def at(self, path: str) -> OpenApiDocument | None:
        reply = await self._get(path)
        return _parsed(reply.body, path) if reply is not None else None

    async def in_pages(self, pages: list[str]) -> OpenApiDocument | None:
        for page in pages:
            reply = await self._get(page)
            if reply is None or "html" not in reply.media_type:
                continue
            for named in self._named_in(page, reply.text):
                document = await self.at(named)
                if document is not None:
                    return document
        return None

    @staticmethod
    def _named_in(page: str, text: str) -> list[str]:
        found = [_local(page, name) for name in _NAMED.findall(text[:400_000])[:40]]
        likely = [f for f in found if f and re.search(r"json|ya?ml|docs|spec|schema|openapi", f)]
        return list(dict.fromkeys(likely))[:10]


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
