"""Finding the list or the object in an answer, whatever it is wrapped in."""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from acidtest.grader.dialect.names import plural, words

_LISTS = ("items", "data", "results", "content", "records", "rows", "list", "docs", "elements",
          "entries", "values", "value", "objects", "hits", "member", "hydra:member",
          "edges", "collection", "_embedded", "result", "payload", "response", "body")  # fmt: skip
_OBJECTS = ("data", "item", "result", "payload", "response", "record", "object", "value",
            "body", "content", "resource", "tokens", "auth", "session")  # fmt: skip
_DEPTH = 3


class Found(NamedTuple):
    """Something found in an answer and the keys that lead to it."""

    keys: tuple[str, ...]
    value: Any


def list_in(value: Any, *, noun: str) -> Found | None:
    """The list in an answer: the answer itself, or under a usual key, at most three deep."""
    return _list_in(value, (), {plural(noun), noun})


def _list_in(value: Any, keys: tuple[str, ...], nouns: Collection[str]) -> Found | None:
    if isinstance(value, list):
        return Found(keys, value)
    if not isinstance(value, Mapping) or len(keys) >= _DEPTH:
        return None
    ranked = _ranked(value, _LISTS, nouns)
    for key in ranked:
        if isinstance(value[key], list):
            return Found((*keys, key), value[key])
    for key in ranked:
        found = _list_in(value[key], (*keys, key), nouns)
        if found is not None:
            return found
    lists = [key for key, item in value.items() if isinstance(item, list)]
    return Found((*keys, lists[0]), value[lists[0]]) if len(lists) == 1 else None


def object_in(value: Any, *, noun: str, known: Collection[str]) -> Found | None:
    """The object in an answer: the first on the way in that has a known field, else the outermost.

    Args:
        value: the answer.
        noun: what it is, such as `book`.
        known: names that fields of it may have.
    """
    found = _object_in(value, (), {noun}, known)
    if found is None and isinstance(value, Mapping):
        return Found((), value)
    return found


def _object_in(
    value: Any, keys: tuple[str, ...], nouns: Collection[str], known: Collection[str]
) -> Found | None:
    if not isinstance(value, Mapping):
        return None
    inner = None
    if len(keys) < _DEPTH:
        inside = [
            _object_in(value[key], (*keys, key), nouns, known)
            for key in _ranked(value, _OBJECTS, nouns)
        ]
        inner = next(filter(None, inside), None)
    own = _familiar(value, known)
    if inner is not None and own <= _familiar(inner.value, known):
        return inner
    return Found(keys, value) if own else None


def _familiar(value: Mapping[str, Any], known: Collection[str]) -> int:
    flat = flattened(value)
    return sum(name in known and not isinstance(item, Mapping) for name, item in flat.items())


def flattened(thing: Mapping[str, Any]) -> dict[str, Any]:
    """The object with what it keeps under `attributes`, as JSON:API does, beside its id."""
    inner = thing.get("attributes")
    return {**thing, **inner} if isinstance(inner, Mapping) else dict(thing)


def at(value: Any, keys: tuple[str, ...]) -> Any:
    """What lies under `keys`; None when the way ends before."""
    for key in keys:
        if not isinstance(value, Mapping) or key not in value:
            return None
        value = value[key]
    return value


def _ranked(value: Mapping[str, Any], usual: tuple[str, ...], nouns: Collection[str]) -> list[str]:
    named = [key for key in value if words(key)[-1:] and words(key)[-1] in nouns]
    return list(dict.fromkeys([*named, *(key for key in usual if key in value)]))
