"""Whether an answer is right: asked of every answer under load, as a fast wrong one is worthless.

A room of its own because it parses hostile bodies in the generator's process, within bounds.
"""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from acidtest.grader.load.plan import LoadRequest
from acidtest.grader.load.shots import Shot

GOOD, SHED = "good", "shed"
_MAX_CAPTURE = 200
_MISSING = object()


class Finding(NamedTuple):
    """What came of one answer."""

    verdict: str
    """`good`, `shed`, or the reason why it is neither."""
    captured: str | None = None


class Oracle:
    """Judges answers by the plan's requests."""

    def __init__(self, requests: Sequence[LoadRequest]) -> None:
        self._requests = requests
        self._good = [frozenset(request.expect) for request in requests]
        self._shed = [frozenset(request.shed) for request in requests]

    def judge(self, shot: Shot, status: int, body: bytes) -> Finding:
        """Compare one whole answer with what its request expects."""
        if status not in self._good[shot.kind]:
            if status in self._shed[shot.kind]:
                return Finding(SHED)
            return Finding(f"answered {status}")
        request = self._requests[shot.kind]
        asks = shot.look and (request.keys or shot.equals)
        if not asks and request.capture is None:
            return Finding(GOOD)
        try:
            value = json.loads(body)
        except (ValueError, RecursionError):
            return Finding("the body is not JSON")
        if asks and (wrong := _wrong(value, request.keys, shot.equals)):
            return Finding(wrong)
        return Finding(GOOD, _captured(value, request.capture))


def _wrong(value: Any, keys: Sequence[str], equals: Sequence[tuple[str, str]]) -> str:
    for path in keys:
        if _at(value, path) is _MISSING:
            return f"the body has no {path}"
    for path, text in equals:
        found = _at(value, path)
        if found is _MISSING or _text(found) != text:
            return f"the body has another {path} than was asked for"
    return ""


def _captured(value: Any, path: str | None) -> str | None:
    found = _MISSING if path is None else _at(value, path)
    return None if found is _MISSING else _text(found)[:_MAX_CAPTURE]


def _at(value: Any, path: str) -> Any:
    for part in path.split("."):
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            return _MISSING
    return value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
