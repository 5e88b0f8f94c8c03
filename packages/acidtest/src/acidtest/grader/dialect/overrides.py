"""The `[dialect]` table of `acidtest.toml`: what the candidate says of their own service."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from acidtest.catalogue.problem import OperationSpec, Problem
from acidtest.core.errors import SubmissionError
from acidtest.grader.dialect.names import did_you_mean

_METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}
_PARAMETER = re.compile(r"\{([^{}]*)\}|(?<=/):(\w+)|<(?:\w+:)?(\w+)>")


@dataclass(frozen=True)
class Overrides:
    """What `acidtest.toml` fixes; everything it leaves out is still looked for."""

    paths: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Method and template by operation, parameters under their canonical names."""
    fields: dict[str, dict[str, str]] = field(default_factory=dict)
    envelopes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Keys from the answer's root to the list or object, by operation or resource."""
    extra: dict[str, dict[str, Any]] = field(default_factory=dict)


def read_overrides(table: Mapping[str, Any], problem: Problem) -> Overrides:
    """Check the `[dialect]` table against the problem.

    Raises:
        SubmissionError: it names something the problem does not have, or has the wrong shape.
    """
    _known("dialect", table, {"paths", "fields", "envelopes", "extra"})
    operations, resources = problem.operations, problem.resources
    paths = _texts("dialect.paths", table.get("paths", {}))
    _known("dialect.paths", paths, operations)
    envelopes = _texts("dialect.envelopes", table.get("envelopes", {}))
    _known("dialect.envelopes", envelopes, {*operations, *resources})
    fields = _table("dialect.fields", table.get("fields", {}))
    _known("dialect.fields", fields, resources)
    extra = _table("dialect.extra", table.get("extra", {}))
    _known("dialect.extra", extra, resources)
    return Overrides(
        paths={name: _route(name, text, operations[name]) for name, text in paths.items()},
        fields={name: _fields(name, value, problem) for name, value in fields.items()},
        envelopes={name: tuple(filter(None, text.split("."))) for name, text in envelopes.items()},
        extra={name: dict(_table(f"dialect.extra.{name}", v)) for name, v in extra.items()},
    )


def rename_parameters(template: str, canonical: str) -> str | None:
    """The template with its parameters under the canonical names, by name or else by position.

    None when it has other parameters than the canonical one.
    """
    wanted = [match[1] for match in _PARAMETER.finditer(canonical)]
    given = [next(filter(None, m.groups()), "") for m in _PARAMETER.finditer(template)]
    if len(wanted) != len(given):
        return None
    order = iter(given if set(given) == set(wanted) else wanted)
    return _PARAMETER.sub(lambda _: f"{{{next(order)}}}", template)


def _route(name: str, text: str, spec: OperationSpec) -> tuple[str, str]:
    first, _, rest = text.strip().partition(" ")
    method, path = (first.upper(), rest.strip()) if rest else (spec.method, first)
    place = f"acidtest.toml: dialect.paths.{name} = {text!r}"
    if method not in _METHODS:
        raise SubmissionError(f"{place}: {first!r} is not one of {', '.join(sorted(_METHODS))}")
    if not path.startswith("/"):
        raise SubmissionError(f"{place}: a path begins with a slash")
    template = rename_parameters(path, spec.path)
    if template is None:
        raise SubmissionError(f"{place}: it needs the same parameters as {spec.path!r}")
    return method, template


def _fields(resource: str, value: Any, problem: Problem) -> dict[str, str]:
    place = f"dialect.fields.{resource}"
    texts = _texts(place, value)
    _known(place, texts, problem.resources[resource].fields)
    return dict(texts)


def _known(place: str, table: Mapping[str, Any], known: Any) -> None:
    for name in table:
        if name not in known:
            hint = did_you_mean(name, known)
            raise SubmissionError(f"acidtest.toml: {place} knows no {name!r}; {hint}")


def _table(place: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise SubmissionError(f"acidtest.toml: {place} must be a table")
    return value


def _texts(place: str, value: Any) -> Mapping[str, str]:
    table = _table(place, value)
    for name, text in table.items():
        if not isinstance(text, str):
            raise SubmissionError(f"acidtest.toml: {place}.{name} must be a text")
    return table
