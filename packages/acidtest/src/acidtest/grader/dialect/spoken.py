"""A dialect once it is known: paths, encoding, decoding, pages."""

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self
from urllib.parse import quote, urlencode

from acidtest.catalogue.problem import OperationSpec, Problem
from acidtest.core.evidence import clip
from acidtest.grader.client.message import Reply, Request
from acidtest.grader.dialect.answers import at, flattened, list_in, object_in
from acidtest.grader.dialect.mismatch import DecodeError, Mismatch
from acidtest.grader.dialect.names import capitals, spellings
from acidtest.grader.dialect.paging import Offered, next_page

FORM = "application/x-www-form-urlencoded"
_PARAMETER = re.compile(r"\{([^{}]*)\}")


class Source(StrEnum):
    """Where a name was found, in words for the report."""

    STATEMENT = "as in the statement"
    TOML = "from acidtest.toml"
    OPENAPI = "from its OpenAPI document"
    TRIED = "found by trying"
    COMPLAINT = "named by its error message"
    ANSWER = "seen in its answers"
    ASSUMED = "assumed, not found"
    UNSEEN = "not seen in its answers"


class Item(dict[str, Any]):
    """One thing of the service under its canonical field names; fields it lacks are absent."""

    def __init__(self, values: Mapping[str, Any], *, raw: dict[str, Any]) -> None:
        super().__init__(values)
        self.raw = raw
        """The object as the service wrote it."""


@dataclass(frozen=True, slots=True)
class Route:
    """Where an operation lives."""

    method: str
    template: str
    """Parameters under their canonical names; may carry a query."""
    source: Source = Source.STATEMENT


@dataclass(frozen=True, slots=True)
class Word:
    """What the service calls one field."""

    sends: str
    answers: tuple[str, ...]
    """Names looked for in an answer, in order."""
    source: Source = Source.STATEMENT


@dataclass(slots=True)
class Extra:
    """A field that the statement does not know and the service wants all the same."""

    value: Any
    unique: bool = False
    """Whether each use needs a value of its own."""
    source: Source = Source.TOML
    _count: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def draw(self) -> Any:
        """A value to send."""
        if not (self.unique and isinstance(self.value, str)):
            return self.value
        head, sign, tail = self.value.partition("@")
        return f"{head}{next(self._count)}{sign}{tail}"


@dataclass(kw_only=True)
class Dialect:
    """Translates between the statement's words and one service's."""

    problem: Problem
    routes: dict[str, Route]
    vocabulary: dict[str, dict[str, Word]]
    """Words by canonical field by resource."""
    envelopes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    extras: dict[str, dict[str, Extra]] = field(default_factory=dict)
    offered: dict[str, Offered] = field(default_factory=dict)
    forms: set[str] = field(default_factory=set)
    """Operations whose body is a form and not JSON, as OAuth2's password flow has it."""
    mismatches: tuple[Mismatch, ...] = ()
    """What could not be mapped; the statement's own names are used for it."""

    @classmethod
    def canonical(cls, problem: Problem) -> Self:
        """The statement's own words."""
        strict = problem.contract == "strict"
        return cls(
            problem=problem,
            routes={n: Route(op.method, op.path) for n, op in problem.operations.items()},
            vocabulary={
                noun: {
                    name: Word(
                        spec.names[0],
                        spec.names[:1]
                        if strict
                        else (*spellings(spec), *capitals(spellings(spec))),
                    )
                    for name, spec in resource.fields.items()
                }
                for noun, resource in problem.resources.items()
            },
        )

    def path(self, operation: str, **ids: object) -> str:
        """The percent-encoded path of `operation`, with `ids` under canonical parameter names."""
        return _PARAMETER.sub(
            lambda match: quote(str(ids[match[1]]), safe=""), self.routes[operation].template
        )

    def method(self, operation: str) -> str:
        """The HTTP method of `operation`."""
        return self.routes[operation].method

    def template(self, operation: str) -> str:
        """The path template of `operation` as the service spells it, canonical parameter names."""
        return self.routes[operation].template

    def field(self, resource: str, name: str) -> str:
        """What the service calls the field `name` in a request."""
        return self.vocabulary[resource][name].sends

    def encode(
        self, resource: str, canonical: Mapping[str, Any], *, whole: bool = True
    ) -> dict[str, Any]:
        """The body that says `canonical` to the service; unknown keys stay.

        Extras are added to a `whole` thing and not to a change of one.
        """
        known = self.vocabulary[resource]
        taken = {known[name].sends for name in canonical if name in known}
        body = {
            known[name].sends if name in known else name: value
            for name, value in canonical.items()
            if name in known or name not in taken
        }
        for name, extra in self.extras.get(resource, {}).items():
            if whole and name not in body:
                body[name] = extra.draw()
        return body

    def body(self, operation: str, canonical: Mapping[str, Any]) -> tuple[bytes, str]:
        """What goes over the wire for `canonical`, and its content type."""
        spec = self._spec(operation)
        fields = dict(canonical)
        if spec.sends:
            fields = self.encode(spec.sends, canonical, whole=spec.method != "PATCH")
        if operation in self.forms and _plain_texts(fields):
            return urlencode(fields).encode(), FORM
        text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "surrogatepass"), "application/json"

    def decode(self, operation: str, value: Any) -> Item | list[Item]:
        """What an answer holds: a list where the operation returns many, else one thing.

        Raises:
            DecodeError: it holds neither.
        """
        many = self.problem.operations[operation].many
        return (self.decode_many if many else self.decode_one)(operation, value)

    def decode_one(self, operation: str, value: Any) -> Item:
        """The single thing in an answer.

        Raises:
            DecodeError: there is no object.
        """
        noun = self._returned(operation)
        thing = self.unwrap(operation, value)
        if thing is None:
            raise DecodeError(operation, expected="an object", seen=_seen(value))
        return self._item(noun, thing)

    def unwrap(self, operation: str, value: Any) -> dict[str, Any] | None:
        """The object of an answer as the service wrote it; None when there is none."""
        noun = self._returned(operation)
        keys = next((self.envelopes[n] for n in (operation, noun) if n in self.envelopes), None)
        inner = None if keys is None else at(value, keys)
        if isinstance(inner, dict):
            return inner
        known = {name for word in self.vocabulary[noun].values() for name in word.answers}
        found = object_in(value, noun=noun, known=known)
        return dict(found.value) if found is not None else None

    def decode_many(self, operation: str, value: Any) -> list[Item]:
        """The list of things in an answer.

        Raises:
            DecodeError: there is no list of objects.
        """
        noun = self._returned(operation)
        inner = at(value, self.envelopes.get(operation, ()))
        if not isinstance(inner, list):
            found = list_in(value, noun=noun)
            inner = found.value if found else None
        if not isinstance(inner, list) or not all(isinstance(item, dict) for item in inner):
            raise DecodeError(operation, expected="a list of objects", seen=_seen(value))
        return [self._item(noun, item) for item in inner]

    def page(self, operation: str, reply: Reply) -> Request | None:
        """The request for the page after `reply`; None when it was the last or there are none."""
        try:
            value = reply.json()
        except ValueError:
            return None
        found = list_in(value, noun=self._returned(operation))
        size = len(found.value) if found else 0
        return next_page(reply, value, size=size, offered=self.query(operation))

    def query(self, operation: str) -> Offered:
        """The paging parameters that the list `operation` offers."""
        return self.offered.get(operation, Offered())

    def mapping(self) -> dict[str, str]:
        """How each operation and field was found, for the report."""
        lines = {
            name: f"{route.method} {route.template} ({route.source})"
            for name, route in self.routes.items()
        }
        for noun, known in self.vocabulary.items():
            for name, word in known.items():
                lines[f"{noun}.{name}"] = f"{clip(word.sends, 80)} ({word.source})"
            for name, extra in self.extras.get(noun, {}).items():
                said = clip(f"{noun}.{name}", 80)
                lines[said] = f"added as {clip(repr(extra.value), 80)} ({extra.source})"
        for name, keys in self.envelopes.items():
            lines[f"{name} envelope"] = clip(".".join(keys), 80) or "none"
        return lines

    def _spec(self, operation: str) -> OperationSpec:
        return self.problem.operations[operation]

    def _returned(self, operation: str) -> str:
        noun = self._spec(operation).returns
        if noun is None:
            raise DecodeError(operation, expected="nothing", seen="a question for its answer")
        return noun

    def _item(self, noun: str, raw: dict[str, Any]) -> Item:
        return Item(read_fields(raw, self.vocabulary[noun]), raw=raw)


def read_fields(raw: Mapping[str, Any], known: Mapping[str, Word]) -> dict[str, Any]:
    """The fields of an object under their canonical names.

    A name belongs to the field whose first name it is; only what is left serves as another's
    second choice, so that `author` is never taken for a reviewer while a reviewer is there.
    """
    flat = flattened(raw)
    values: dict[str, Any] = {}
    claimed: set[str] = set()
    for first in (True, False):
        for name, word in known.items():
            choices = word.answers[:1] if first else word.answers[1:]
            key = next((k for k in choices if k in flat and k not in claimed), None)
            if key is not None and name not in values:
                claimed.add(key)
                values[name] = _plain(name, flat[key])
    return {name: values[name] for name in known if name in values}


def _plain_texts(fields: Mapping[str, Any]) -> bool:
    return all(isinstance(value, str) for value in fields.values())


def _plain(name: str, value: Any) -> Any:
    """The value itself, or the id, token or name of an object that stands in its place."""
    if isinstance(value, Mapping):
        token = ("token", "value", "jwt") if name.endswith("_token") else ("name",)
        for key in ("id", "_id", "uuid") if name.endswith("_id") else token:
            if key in value:
                return value[key]
    return value


def _seen(value: Any) -> str:
    if isinstance(value, Mapping):
        return clip(f"an object with the keys {', '.join(map(repr, value)) or '(none)'}", 300)
    if isinstance(value, list):
        kinds = sorted({type(item).__name__ for item in value[:100]})
        return f"a list of {len(value)} ({', '.join(kinds) or 'nothing'})"
    return clip(repr(value), 200)
