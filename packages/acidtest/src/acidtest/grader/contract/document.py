"""An OpenAPI document as data: operations, templates, and schemas with references resolved."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple, Self
from urllib.parse import unquote, urlsplit

from acidtest.grader.contract.reading import ContractError, read_tree

__all__ = ["ContractError", "OpenApiDocument", "Operation", "segments"]

_METHODS = ("get", "post", "put", "patch", "delete", "head", "options", "trace")
_FORM = "x-www-form-urlencoded"
_MAX_HOPS = 20
_MAX_DEPTH = 12
_PARAMETER = re.compile(r"^(?:\{[^{}]*\}|:[A-Za-z_]\w*|<[^<>]*>)$")

Schema = dict[str, Any]


class Operation(NamedTuple):
    """One method of one path of the document."""

    method: str
    """In capitals."""
    path: str
    """The document's own template."""
    node: dict[str, Any]
    item: dict[str, Any]
    """The path item around it."""


def segments(path: str) -> tuple[str, ...]:
    """The parts of a path or template, with every parameter written `{}` and no empty ends."""
    parts = path.partition("?")[0].strip("/").split("/")
    return tuple("{}" if _PARAMETER.match(part) else part for part in parts if part)


class OpenApiDocument:
    """A parsed OpenAPI 3 document and where it was found."""

    def __init__(self, root: dict[str, Any], *, source: str) -> None:
        self.root = root
        self.source = source
        """The URL path it was served at, or the file's path in the repository."""

    @classmethod
    def parse(cls, text: bytes, *, source: str) -> Self:
        """Read JSON or YAML within bounds.

        Raises:
            ContractError: it is too large, too deep, of another version or nothing of the kind.
        """
        root = read_tree(text)
        if not isinstance(root, dict):
            raise ContractError("it is not an object")
        if "swagger" in root:
            raise ContractError(f"it is Swagger {root['swagger']}; OpenAPI 3 is asked for")
        if not str(root.get("openapi", "")).startswith("3."):
            raise ContractError("it does not say `openapi: 3.…`")
        return cls(root, source=source)

    @property
    def version(self) -> str:
        """What it says of itself, such as `3.1.0`."""
        return str(self.root["openapi"])

    @property
    def operations(self) -> tuple[Operation, ...]:
        """Every operation, in the document's order."""
        return tuple(self._operations())

    def _operations(self) -> Iterator[Operation]:
        for path, item in _mapping(self.root.get("paths")).items():
            resolved = _mapping(self.resolve(item))
            for method in _METHODS:
                node = resolved.get(method)
                if isinstance(node, dict):
                    yield Operation(method.upper(), path, node, resolved)

    @property
    def prefixes(self) -> tuple[str, ...]:
        """Paths of its servers, without a slash at the end; the empty one last."""
        servers = self.root.get("servers")
        found = [_server_path(_mapping(s)) for s in servers] if isinstance(servers, list) else []
        return tuple(dict.fromkeys([*(p for p in found if p), ""]))

    def find(self, method: str, path: str) -> Operation | None:
        """The operation that a concrete path or a template belongs to; literal parts win."""
        wanted = segments(path)
        fitting = [
            (literal, operation)
            for operation in self.operations
            if operation.method == method.upper()
            for prefix in self.prefixes
            if (literal := _fit(segments(prefix + operation.path), wanted)) is not None
        ]
        return max(fitting, key=lambda row: row[0])[1] if fitting else None

    def describes(self, method: str, path: str) -> bool:
        """Whether it has this operation; parameter names and a server's prefix do not matter."""
        return self.find(method, path) is not None

    def documents(self, method: str, path: str, status: int) -> bool:
        """Whether it foresees this status for the operation, by code, range or `default`."""
        operation = self.find(method, path)
        return operation is not None and self.response(operation, status) is not None

    def response(self, operation: Operation, status: int) -> dict[str, Any] | None:
        """The response object for `status`: its code, then its range, then `default`."""
        responses = _mapping(operation.node.get("responses"))
        for key in (str(status), f"{status // 100}XX", f"{status // 100}xx", "default"):
            if key in responses:
                return _mapping(self.resolve(responses[key]))
        return None

    def request_schema(self, operation: Operation) -> Schema | None:
        """The schema of the request body, JSON or a form, flattened; None when it takes none."""
        content = self._request_content(operation)
        schema = self._json_schema(content)
        if schema is None and self.takes_form(operation):
            form = next(node for media, node in content.items() if _FORM in media.lower())
            return self.flatten(_mapping(form).get("schema"))
        return schema

    def takes_form(self, operation: Operation) -> bool:
        """Whether the request body is a form and not JSON, as OAuth2's password flow has it."""
        media = [name.lower() for name in self._request_content(operation)]
        return any(_FORM in name for name in media) and not any("json" in name for name in media)

    def _request_content(self, operation: Operation) -> dict[str, Any]:
        return _mapping(_mapping(self.resolve(operation.node.get("requestBody"))).get("content"))

    def request_properties(self, operation: Operation) -> dict[str, Schema]:
        """The flattened schemas of the JSON request body's properties."""
        properties = _mapping((self.request_schema(operation) or {}).get("properties"))
        return {name: self.flatten(node) for name, node in properties.items()}

    def answer_schema(self, operation: Operation) -> Schema | None:
        """The schema of the JSON body of its success, flattened; None when it says none."""
        for status in (200, 201, 202):
            response = self.response(operation, status)
            schema = self._json_schema(_mapping((response or {}).get("content")))
            if schema is not None:
                return schema
        return None

    def _json_schema(self, content: dict[str, Any]) -> Schema | None:
        for media, node in content.items():
            if "json" in media.lower() or media == "*/*":
                return self.flatten(_mapping(node).get("schema"))
        return None

    def query_parameters(self, operation: Operation) -> tuple[str, ...]:
        """Names of the query parameters it takes."""
        nodes = [
            *_sequence(operation.item.get("parameters")),
            *_sequence(operation.node.get("parameters")),
        ]
        found = [_mapping(self.resolve(node)) for node in nodes]
        return tuple(str(p["name"]) for p in found if p.get("in") == "query" and "name" in p)

    def resolve(self, node: Any) -> Any:
        """Follow references inside the document; None when one leads nowhere or round."""
        for _ in range(_MAX_HOPS):
            if not (isinstance(node, dict) and isinstance(node.get("$ref"), str)):
                return node
            node = self.at(node["$ref"])
        return None

    def at(self, reference: str) -> Any:
        """What a reference inside the document points to; None when it leads nowhere."""
        if not reference.startswith("#/"):
            return None
        node: Any = self.root
        for part in unquote(reference[2:]).split("/"):
            name = part.replace("~1", "/").replace("~0", "~")
            if not isinstance(node, dict) or name not in node:
                return None
            node = node[name]
        return node

    def flatten(self, schema: Any, depth: int = 0) -> Schema:
        """The schema without references, `allOf` merged, the first alternative that is not null."""
        node = _mapping(self.resolve(schema))
        if depth > _MAX_DEPTH:
            return {}
        flat: Schema = {k: v for k, v in node.items() if k not in {"allOf", "anyOf", "oneOf"}}
        for part in _sequence(node.get("allOf")):
            _merge(flat, self.flatten(part, depth + 1))
        for word in ("anyOf", "oneOf"):
            parts = [self.flatten(part, depth + 1) for part in _sequence(node.get(word))[:20]]
            real = [part for part in parts if part and part.get("type") != "null"]
            if real:
                _merge(flat, real[0])
        if isinstance(flat.get("type"), list):
            kinds = [kind for kind in flat["type"] if kind != "null"]
            flat["type"] = kinds[0] if kinds else "null"
        return flat


def _merge(into: Schema, other: Schema) -> None:
    properties = {**_mapping(into.get("properties")), **_mapping(other.get("properties"))}
    required = [*_sequence(into.get("required")), *_sequence(other.get("required"))]
    into.update({k: v for k, v in other.items() if k not in into})
    if properties:
        into["properties"] = properties
    if required:
        into["required"] = required


def _fit(template: tuple[str, ...], wanted: tuple[str, ...]) -> int | None:
    """How many literal parts agree; None when the template does not fit."""
    if len(template) != len(wanted):
        return None
    literal = 0
    for part, given in zip(template, wanted, strict=True):
        if part == given:
            literal += part != "{}"
        elif part != "{}":
            return None
    return literal


def _server_path(server: dict[str, Any]) -> str:
    url = str(server.get("url", ""))
    for name, variable in _mapping(server.get("variables")).items():
        url = url.replace(f"{{{name}}}", str(_mapping(variable).get("default", "")))
    try:
        return urlsplit(url).path.rstrip("/")
    except ValueError:
        return ""


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _sequence(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
