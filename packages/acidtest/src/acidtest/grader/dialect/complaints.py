"""Complaints: which fields an error answer names, in whatever shape frameworks write them.

Knows FastAPI, problem details, express-validator, zod, joi, ajv, NestJS, Spring, Go's validator,
ASP.NET, the maps of Django, Rails, Laravel and marshmallow, and plain sentences.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from acidtest.grader.client.message import Reply

_NAME_KEYS = ("loc", "pointer", "path", "field", "param", "property", "instancePath", "dataPath",
              "key", "attribute", "propertyPath", "name", "source", "parameter", "location",
              "target")  # fmt: skip
_TEXT_KEYS = ("msg", "message", "detail", "defaultMessage", "error", "reason", "title",
              "description", "type", "code", "keyword", "constraints", "ctx")  # fmt: skip
_SEVERAL = ("missing", "keys", "fields", "missing_fields", "missingFields", "required",
            "missingProperty", "additionalProperty", "unrecognized_keys", "unknown")  # fmt: skip
_PLACES = {"body", "query", "path", "header", "json", "data", "root", "params", "request", "form"}
_UNKNOWN = re.compile(
    r"extra|additional|unknown|unrecogni[sz]ed|should not exist|unexpected|forbidden"
    r"|not allowed(?! to be)|not permitted|unsupported (?:field|key)|does not exist|not accepted",
    re.IGNORECASE,
)
_QUOTED = re.compile("""['"`\u2018\u201c]([A-Za-z_][\\w.\\[\\]-]{0,60})['"`\u2019\u201d]""")
_SUBJECT = re.compile(
    r"\b([a-z_][\w.]{0,60})\s+(?:field\s+|property\s+)?(?:is\s+(?:a\s+)?(?:required|missing|mandatory)"
    r"|are\s+(?:required|missing|mandatory)|must\b|should\b|can(?:no|')t\b|can\s+not\b|required\b)"
)
_LISTED = re.compile(
    r"(?:missing|required|must provide|unknown|extra|unexpected|unrecogni[sz]ed)"
    r"(?:\s+(?:required|field|fields|properties|property|parameters?|keys?|attributes?))*"
    r"\s*:?\s+((?:[a-z_]\w*(?:\s*,\s*(?:and\s+)?|\s+and\s+)?){1,8})"
)
_FILLER = {"the", "a", "an", "field", "fields", "value", "values", "and", "or", "is", "are", "this",
           "it", "property", "input", "request", "body", "must", "be", "required", "missing",
           "validation", "error", "errors", "invalid", "key", "object", "data", "that", "to", "in",
           "should", "not", "for", "of", "parameter", "parameters", "json", "failed"}  # fmt: skip
_WRAPPERS = {"message", "messages", "error", "errors", "detail", "details", "msg", "instance",
             "stack", "status", "trace_id", "timestamp", "statusCode",
             "non_field_errors"}  # fmt: skip
_MAX_NODES = 500
_MAX_COMPLAINTS = 60
_MAX_TEXT = 2_000


class Complaint(NamedTuple):
    """An error answer names a field."""

    name: str
    message: str
    unknown: bool
    """Whether it says that the field should not be there."""


def complaints(
    reply: Reply, *, known: Collection[str] = (), sent: Collection[str] = ()
) -> tuple[Complaint, ...]:
    """The fields that an error answer names, each once.

    Args:
        reply: a refusal.
        sent: names in the refused body; `body` and the like mean a field only when they are there.
        known: names that count even where a sentence mentions them in passing.
    """
    try:
        value = reply.json()
    except ValueError:
        value = reply.text[:_MAX_TEXT]
    found: dict[tuple[str, bool], Complaint] = {}
    for name, message in _Reader(known).read(value):
        short = _last(name)
        if short and (short in sent or short.lower() not in _PLACES):
            unknown = bool(_UNKNOWN.search(message))
            found.setdefault((short, unknown), Complaint(short, message, unknown))
        if len(found) >= _MAX_COMPLAINTS:
            break
    return tuple(found.values())


class _Reader:
    def __init__(self, known: Collection[str]) -> None:
        self._known = known
        self._left = _MAX_NODES

    def read(self, value: Any, depth: int = 0) -> Iterator[tuple[str, str]]:
        self._left -= 1
        if self._left < 0 or depth > 8:  # noqa: PLR2004 - no framework nests its errors deeper
            return
        if isinstance(value, str):
            yield from self._sentence(value[:_MAX_TEXT])
        elif isinstance(value, list):
            for item in value[:_MAX_COMPLAINTS]:
                yield from self.read(item, depth + 1)
        elif isinstance(value, Mapping):
            yield from self._object(value, depth)

    def _object(self, value: Mapping[str, Any], depth: int) -> Iterator[tuple[str, str]]:
        message = " ".join(_texts(value))[:_MAX_TEXT]
        named = _named(value)
        if named:
            yield named, message
        yield from _several(value, message)
        for key, item in list(value.items())[:_MAX_COMPLAINTS]:
            if _is_field_map(key, item):
                yield key, _joined(item)
            if not (named and key in {*_NAME_KEYS, *_TEXT_KEYS}):
                yield from self.read(item, depth + 1)

    def _sentence(self, text: str) -> Iterator[tuple[str, str]]:
        for part in re.split(r"[;\n]|\.\s|,\s(?=\w+ (?:is|must|should)\b)", text):
            names = [*_QUOTED.findall(part), *_SUBJECT.findall(part)]
            for group in _LISTED.findall(part):
                names += re.findall(r"[A-Za-z_]\w*", group)
            names += [word for word in re.findall(r"[A-Za-z_]\w*", part) if word in self._known]
            for name in names:
                if name in self._known or name.lower() not in _FILLER:
                    yield name, part


def _named(value: Mapping[str, Any]) -> str:
    for key in _NAME_KEYS:
        said = value.get(key)
        if isinstance(said, Mapping):
            said = said.get("pointer") or said.get("field")
        if isinstance(said, list):
            texts = [part for part in said if isinstance(part, str)]
            said = texts[-1] if texts else None
        if isinstance(said, str) and re.search(r"[A-Za-z_]\w*$", said) and " " not in said:
            return said
    return ""


def _several(value: Mapping[str, Any], message: str) -> Iterator[tuple[str, str]]:
    inner = value.get("params")
    for holder in (value, inner if isinstance(inner, Mapping) else {}):
        for key in _SEVERAL:
            for name in _names(holder.get(key)):
                yield name, f"{message} {key}"


def _names(said: Any) -> list[str]:
    several = said[:_MAX_COMPLAINTS] if isinstance(said, list) else [said]
    return [n for n in several if isinstance(n, str) and re.fullmatch(r"[A-Za-z_][\w.]*", n)]


def _is_field_map(key: str, item: Any) -> bool:
    """Whether `key: item` says `field: messages`, as several frameworks write it."""
    if not re.fullmatch(r"[A-Za-z_][\w.]{0,60}", key) or key in _WRAPPERS:
        return False
    if isinstance(item, list):
        texts = [part for part in item if isinstance(part, str)]
        return len(texts) == len(item) and any(" " in text for text in texts)
    return isinstance(item, str) and " " in item and key not in {*_NAME_KEYS, *_TEXT_KEYS}


def _texts(value: Mapping[str, Any]) -> Iterator[str]:
    for key in _TEXT_KEYS:
        said = value.get(key)
        if isinstance(said, str):
            yield said
        elif isinstance(said, Mapping):
            yield from (f"{k} {v}" for k, v in said.items() if isinstance(v, str))


def _joined(item: Any) -> str:
    return " ".join(item)[:_MAX_TEXT] if isinstance(item, list) else str(item)[:_MAX_TEXT]


def _last(name: str) -> str:
    parts = re.findall(r"[A-Za-z_]\w*", name)
    return parts[-1] if parts else ""
