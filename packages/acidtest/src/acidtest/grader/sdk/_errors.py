"""What an error answer is made of, as far as the statement says: JSON, an object, a message."""

from typing import Any, NamedTuple

from acidtest.grader.sdk._answer import Answer

_DEPTH = 4
_READABLE = 3
"""Letters that a text needs to be a message; less is a code."""


class ErrorShape(NamedTuple):
    """The outline of one error."""

    keys: frozenset[str]
    messages: frozenset[str]
    """The keys that hold text for a person, directly or inside."""


def error_shape(value: Any) -> ErrorShape:
    """Return the outline of an error's JSON object."""
    if not isinstance(value, dict):
        return ErrorShape(frozenset(), frozenset())
    readable = frozenset(str(key) for key, inner in value.items() if _speaks(inner, 0))
    return ErrorShape(frozenset(map(str, value)), readable)


def error_problem(answer: Answer) -> str | None:
    """Say why an error answer is no JSON object with a message; None where it is one."""
    media = answer.reply.media_type
    if media and "json" not in media:
        return f"its content type is {media}"
    value = answer.json
    if not isinstance(value, dict):
        return "it is not a JSON object"
    if not error_shape(value).messages:
        return "no field holds a text"
    return None


def _speaks(value: Any, depth: int) -> bool:
    if isinstance(value, str):
        return sum(letter.isalpha() for letter in value) >= _READABLE
    if depth > _DEPTH:
        return False
    if isinstance(value, dict):
        return any(_speaks(inner, depth + 1) for inner in value.values())
    if isinstance(value, list):
        return any(_speaks(inner, depth + 1) for inner in value)
    return False
