"""Trace ids: where an answer tells one, under whatever name."""

import re
from typing import Any

from acidtest.grader.sdk import Answer

_NAME = re.compile(
    r"(?:trace|request|correlation|req)[_-]?id$|^trace$|^traceparent$", re.IGNORECASE
)
_LEAST = 6
_DEPTH = 3


def trace_id_of(answer: Answer) -> str | None:
    """The trace id in an error's body; None where there is none."""
    return _found(answer.json, 0)


def _found(value: Any, depth: int) -> str | None:
    if not isinstance(value, dict) or depth > _DEPTH:
        return None
    for name, inner in value.items():
        if isinstance(inner, str) and len(inner) >= _LEAST and _NAME.search(str(name)):
            return inner
    return next(filter(None, (_found(inner, depth + 1) for inner in value.values())), None)
