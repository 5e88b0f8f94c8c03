"""What a body may be. Everything that comes in is hostile until it went through here."""

import json
import re
from collections.abc import Callable
from typing import Any, NoReturn

from bookshelf.errors import Invalid, Malformed, NoSuchBook

_ISBN = re.compile(r"[0-9]{13}")
_ID = re.compile(r"[1-9][0-9]{0,18}")
_GREATEST_ID = 2**63 - 1

Rule = Callable[[Any], str | None]


def book_id(text: str) -> int:
    """The number of a book that may exist."""
    if not _ID.fullmatch(text) or int(text) > _GREATEST_ID:
        raise NoSuchBook
    return int(text)


def _no_number(name: str) -> NoReturn:
    raise ValueError(name)


def parse(body: bytes) -> dict[str, Any]:
    """The JSON object that `body` holds."""
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise Malformed("The body is not JSON in UTF-8.") from None
    if not isinstance(value, dict):
        raise Malformed("The body must be a JSON object.")
    return value


def _storable(value: Any, longest: int) -> str | None:
    if not isinstance(value, str):
        return "must be a text"
    if len(value) > longest:
        return f"must have at most {longest} characters"
    if "\0" in value:
        return "must not contain the NUL character"
    if any("\ud800" <= character <= "\udfff" for character in value):
        return "must not contain half of a surrogate pair"
    return None


def _text(longest: int) -> Rule:
    def rule(value: Any) -> str | None:
        complaint = _storable(value, longest)
        if complaint is None and not value.strip():
            return "must not be empty or only spaces"
        return complaint

    return rule


def _remark(longest: int) -> Rule:
    return lambda value: _storable(value, longest)


def _integer(least: int, most: int) -> Rule:
    def rule(value: Any) -> str | None:
        # For JSON 4.0 is an integer as well; true is not.
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if number and least <= value <= most and value == int(value):
            return None
        return f"must be an integer from {least} to {most}"

    return rule


def _isbn(value: Any) -> str | None:
    if isinstance(value, str) and _ISBN.fullmatch(value):
        return None
    return "must be 13 digits"


_BOOK: dict[str, tuple[bool, Rule]] = {
    "title": (True, _text(255)),
    "author": (True, _text(255)),
    "isbn": (False, _isbn),
    "published_year": (False, _integer(1, 9999)),
}
_REVIEW: dict[str, tuple[bool, Rule]] = {
    "reviewer": (True, _text(100)),
    "rating": (True, _integer(1, 5)),
    "text": (False, _remark(5000)),
}


def _checked(body: dict[str, Any], rules: dict[str, tuple[bool, Rule]]) -> dict[str, Any]:
    errors = []
    for field, (required, rule) in rules.items():
        value = body.get(field)
        if value is None:
            complaint = "is required" if required else None
        else:
            complaint = rule(value)
        if complaint:
            errors.append((field, complaint))
    if errors:
        raise Invalid("The body breaks a rule; see errors.", tuple(errors))
    return {field: body.get(field) for field in rules}


def book(body: dict[str, Any]) -> dict[str, Any]:
    """The fields of a new book."""
    values = _checked(body, _BOOK)
    year = values["published_year"]
    return {**values, "published_year": None if year is None else int(year)}


def review(body: dict[str, Any]) -> dict[str, Any]:
    """The fields of a new review."""
    values = _checked(body, _REVIEW)
    return {**values, "rating": int(values["rating"])}
