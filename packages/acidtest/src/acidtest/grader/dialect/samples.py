"""Plausible values: what a well-formed body of the problem holds, and what fills an extra field."""

import re
from collections.abc import Mapping
from random import Random
from typing import Any

from acidtest.grader.dialect.names import words

_DAY = "2024-05-17"
_MOMENT = "2024-05-17T10:30:00Z"
_YEAR = 1950
_MAX_DEPTH = 4
_LETTERS = "bcdfghklmnprstvz"
_DIGITS = re.compile(r"^\^?(?:\[0-9\]|\\d)\{(\d{1,3})(?:,\d*)?\}\$?$")
_BY_FORMAT = {
    "date-time": _MOMENT,
    "date": _DAY,
    "time": "10:30:00Z",
    "uuid": "3f2b8f9e-6f0c-4a55-9a61-0d3c5c0b7a11",
    "uri": "https://example.com/item",
    "url": "https://example.com/item",
    "hostname": "example.com",
    "ipv4": "192.0.2.7",
}
_BY_WORD: dict[str, Any] = {
    "url": "https://example.com/item",
    "uri": "https://example.com/item",
    "link": "https://example.com/item",
    "image": "https://example.com/item.png",
    "uuid": "3f2b8f9e-6f0c-4a55-9a61-0d3c5c0b7a11",
    "date": _DAY,
    "at": _MOMENT,
    "price": 9.5,
    "amount": 10,
    "pages": 120,
    "count": 1,
    "quantity": 3,
    "stock": 3,
    "number": 7,
    "year": 2001,
    "age": 30,
    "available": True,
    "published": True,
    "active": True,
    "verified": True,
    "tags": ["general"],
    "genres": ["general"],
    "categories": ["general"],
    "phone": "+12025550123",
    "language": "en",
    "lang": "en",
    "country": "US",
    "currency": "EUR",
}
UNIQUE = {"email", "mail", "slug", "sku", "code", "key", "username", "login", "barcode", "handle"}
"""Words of names whose values are often asked to be unique."""


def isbn13(rng: Random) -> str:
    """A number of thirteen digits with a right check digit, which some services verify."""
    digits = [9, 7, 8, *(rng.randrange(10) for _ in range(9))]
    weighed = sum(digit * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return "".join(map(str, [*digits, -weighed % 10]))


def distinct_value(name: str, schema: Mapping[str, Any], rng: Random, turn: int) -> Any:
    """A well-formed value of a canonical field; different turns give different values.

    Args:
        name: the canonical field.
        schema: what the problem's contract says of it, possibly nothing.
        rng: draws what must be unlike anything stored before.
        turn: 0 for the first name the field is tried under, then 1, 2, …
    """
    said = words(name)
    if "isbn" in said:
        return isbn13(rng)
    if schema.get("format") == "email":
        return f"{''.join(rng.choices(_LETTERS, k=12))}{turn}@example.com"
    if schema.get("format") == "password":
        return f"Kx7!{''.join(rng.choices(_LETTERS, k=16))}{turn}"
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((k for k in kind if k != "null"), None)
    if kind in {"integer", "number"} or {"rating", "year"} & set(said):
        return _number(schema, said, turn)
    if kind not in {None, "string"} or {"enum", "format", "pattern"} & schema.keys():
        return sample(name, schema)
    letters = "".join(rng.choices(_LETTERS, k=8))
    return f"{said[-1].capitalize()} {letters} {turn}" if said else f"{letters} {turn}"


def sample(name: str, schema: Mapping[str, Any], depth: int = 0) -> Any:
    """A plausible value for a field nobody told us about, from its schema or else its name."""
    given = _given(schema)
    if given is not None:
        return given
    kind = "object" if "properties" in schema else schema.get("type")
    makers: dict[Any, Any] = {
        "object": lambda: _object(schema, depth),
        "array": lambda: _array(name, schema, depth),
        "integer": lambda: _number(schema, words(name), 0),
        "number": lambda: _number(schema, words(name), 0),
        "boolean": lambda: True,
        "string": lambda: _text(name, schema),
    }
    maker = makers.get(kind) if isinstance(kind, str) else None
    return maker() if maker else _by_name(name)


def _given(schema: Mapping[str, Any]) -> Any:
    """A value that the schema itself offers; None when it offers none."""
    choices = [schema.get("const"), schema.get("default"), schema.get("example")]
    for word in ("enum", "examples"):
        listed = schema.get(word)
        choices += listed if isinstance(listed, list) else []
    return next((choice for choice in choices if choice is not None), None)


def _array(name: str, schema: Mapping[str, Any], depth: int) -> list[Any]:
    items = schema.get("items")
    if not schema.get("minItems") or depth > _MAX_DEPTH:
        return []
    return [sample(name, items if isinstance(items, Mapping) else {}, depth + 1)]


def _object(schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
    properties = schema.get("properties")
    required = schema.get("required")
    if not isinstance(properties, Mapping) or not isinstance(required, list) or depth > _MAX_DEPTH:
        return {}
    return {
        str(name): sample(str(name), node if isinstance(node, Mapping) else {}, depth + 1)
        for name in required
        for node in [properties.get(name, {})]
    }


def _number(schema: Mapping[str, Any], said: tuple[str, ...], turn: int) -> int:
    low, high = _bound(schema, "minimum", 1), _bound(schema, "maximum", 1_000_000)
    # Whoever wrongly refuses zero would be taken to mean that the name is wrong.
    start = _YEAR if "year" in said and low <= _YEAR <= high - 100 else min(max(low, 1), high)
    if "rating" in said and "maximum" not in schema:
        high = min(high, 5)
    return start + turn % max(1, high - start + 1)


def _bound(schema: Mapping[str, Any], word: str, otherwise: int) -> int:
    value = schema.get(word)
    return int(value) if isinstance(value, int | float) and abs(value) < 10**9 else otherwise


def _text(name: str, schema: Mapping[str, Any]) -> str:
    by_format = _BY_FORMAT.get(str(schema.get("format")))
    if by_format is not None:
        return by_format
    digits = _DIGITS.match(str(schema.get("pattern", "")))
    if digits:
        return "1" * int(digits[1])
    text = _by_name(name) if schema.get("format") != "email" else "reader@example.com"
    text = text if isinstance(text, str) else f"Some {' '.join(words(name))}"
    least = min(_bound(schema, "minLength", 0), 1_000)
    most = max(_bound(schema, "maxLength", 1_000), 1)
    return text.ljust(least, "x")[: max(most, least)]


def _by_name(name: str) -> Any:
    said = words(name)
    if {"email", "mail"} & set(said):
        return "reader@example.com"
    if said[:1] in {("is",), ("has",)}:
        return True
    for word in reversed(said):
        if word in _BY_WORD:
            return _BY_WORD[word]
    return "some-" + "-".join(said) if UNIQUE & set(said) else f"Some {' '.join(said) or 'text'}"


def mended(name: str, message: str) -> Any:
    """A value for an extra field whose last one was refused with `message`; None when unclear."""
    text = message.lower()
    options = re.findall("""['"\u2018\u201c]([^'"\u2019\u201d]{1,60})['"\u2019\u201d]""", message)
    if re.search(r"one of|expected|enum|permitted|allowed|valid values", text):
        fitting = [option for option in options if option != name]
        if fitting:
            return fitting[0]
        listed = re.search(r"(?:one of|values)[^:]{0,60}:\s*\[?([\w-]+)", message)
        if listed:
            return listed[1]
    by_kind: list[tuple[str, Any]] = [
        (r"uuid", _BY_FORMAT["uuid"]),
        (r"e-?mail", "reader@example.com"),
        (r"\burl\b|\buri\b", _BY_FORMAT["uri"]),
        (r"date-?time|iso ?8601|timestamp", _MOMENT),
        (r"\bdate\b", _DAY),
        (r"integer|\bint\b|number|numeric|decimal|float", 7),
        (r"bool", True),
        (r"array|\blist\b", ["general"]),
        (r"object|dict", {}),
        (r"string|text", f"Some {' '.join(words(name))}"),
    ]
    return next((value for pattern, value in by_kind if re.search(pattern, text)), None)
