"""From bytes of a stranger to plain JSON values: bounded in size, depth and number of nodes."""

import datetime as dt
import json
from typing import Any

import yaml

MAX_BYTES = 4 * 1024 * 1024
"""A document of a thousand operations is about one megabyte."""
_MAX_YAML_BYTES = 1024 * 1024
_MAX_DEPTH = 100
_MAX_NODES = 200_000
_MAX_MERGED = 2_000


class ContractError(Exception):
    """The text is no OpenAPI 3 document; the message says why."""


def read_tree(text: bytes) -> Any:
    """Read JSON or YAML into plain JSON values with text keys.

    Raises:
        ContractError: it is neither, or crosses a bound.
    """
    if len(text) > MAX_BYTES:
        raise ContractError(f"it is larger than {MAX_BYTES} bytes")
    try:
        loaded = _load(text)
    except RecursionError:
        raise ContractError("it is nested too deeply") from None
    return _Copy().of(loaded, 0)


def _load(text: bytes) -> Any:
    if text.lstrip()[:1] in {b"{", b"["}:
        try:
            return json.loads(text)
        except ValueError as error:
            raise ContractError(f"it is not JSON: {error}") from None
    if len(text) > _MAX_YAML_BYTES:
        raise ContractError(f"as YAML it is larger than {_MAX_YAML_BYTES} bytes")
    try:
        return yaml.load(text, Loader=_BoundedLoader)  # noqa: S506 - a SafeLoader with one more bound
    except (yaml.YAMLError, ValueError, TypeError) as error:
        raise ContractError(f"it is neither JSON nor YAML: {str(error)[:300]}") from None


class _BoundedLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc] # the C one where it was built
    """A safe loader in which merge keys cannot multiply."""

    merged = 0

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        super().flatten_mapping(node)
        self.merged += len(node.value) if len(node.value) > _MAX_MERGED else 0
        if self.merged:
            raise yaml.YAMLError("too many merged keys")


class _Copy:
    """Copies a tree value by value, so that shared and endless branches meet the bound."""

    def __init__(self) -> None:
        self._nodes = 0

    def of(self, value: Any, depth: int) -> Any:
        self._nodes += 1
        if self._nodes > _MAX_NODES:
            raise ContractError(f"it has more than {_MAX_NODES} nodes")
        if depth > _MAX_DEPTH:
            raise ContractError(f"it is nested more than {_MAX_DEPTH} levels deep")
        if isinstance(value, dict):
            return {_key(name): self.of(item, depth + 1) for name, item in value.items()}
        if isinstance(value, list | tuple | set):
            return [self.of(item, depth + 1) for item in value]
        return _scalar(value)


def _key(name: Any) -> str:
    return name if isinstance(name, str) else str(_scalar(name)).lower()


def _scalar(value: Any) -> Any:
    if isinstance(value, dt.date):
        return value.isoformat()
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return str(value)
