"""Where an operation may live: the document's paths first, then the usual prefixes and aliases."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from acidtest.catalogue.problem import OperationSpec
from acidtest.grader.contract.document import OpenApiDocument, Operation, segments
from acidtest.grader.dialect.names import words
from acidtest.grader.dialect.overrides import rename_parameters
from acidtest.grader.dialect.spoken import Source

_PREFIXES = ("", "/api", "/api/v1", "/v1", "/api/v2", "/rest", "/api/rest")
MAX_TRIED = 48
"""Templates tried for one operation; all prefixes and aliases with and without a slash."""


class Candidate(NamedTuple):
    """A template worth trying and why."""

    template: str
    source: Source


def candidates(
    name: str,
    spec: OperationSpec,
    *,
    openapi: OpenApiDocument | None,
    known: Iterable[str] = (),
) -> list[Candidate]:
    """Templates for an operation under canonical parameter names, the likeliest first.

    Args:
        name: the operation.
        spec: what the problem says of it.
        openapi: the service's own document.
        known: prefixes under which other operations were found.
    """
    found: dict[str, Source] = {}
    if openapi is not None:
        for template in _documented(name, spec, openapi):
            found.setdefault(template, Source.OPENAPI)
    for template in _usual(spec, known):
        found.setdefault(template, Source.TRIED)
    if spec.path in found:
        found[spec.path] = Source.STATEMENT
    return [Candidate(*row) for row in found.items()][:MAX_TRIED]


def prefix_of(template: str, spec: OperationSpec) -> str | None:
    """What stands before the statement's own path in `template`; None when it is not in there."""
    own = template.rstrip("/")
    for path in (spec.path, *spec.aliases):
        if own.endswith(path):
            return own[: -len(path)]
    return None


def _usual(spec: OperationSpec, known: Iterable[str]) -> Iterator[str]:
    prefixes = tuple(dict.fromkeys([*known, *_PREFIXES]))
    for path in (spec.path, *spec.aliases):
        yield from (f"{prefix}{path}" for prefix in prefixes)
    yield from (f"{prefix}{spec.path}/" for prefix in prefixes)


def _documented(name: str, spec: OperationSpec, document: OpenApiDocument) -> Iterator[str]:
    ranked = sorted(
        (rank, len(operation.path), operation.path)
        for operation in document.operations
        if operation.method == spec.method
        for rank in [_rank(name, spec, operation)]
        if rank is not None
    )
    for _, _, path in ranked:
        template = rename_parameters(path, spec.path)
        if template is not None:
            yield from (f"{prefix}{template}" for prefix in document.prefixes)


def _rank(name: str, spec: OperationSpec, operation: Operation) -> int | None:
    """How well a documented operation fits; 0 is best, None is not at all."""
    given = tuple(part.lower() for part in segments(operation.path))
    for rank, path in enumerate((spec.path, *spec.aliases)):
        own = segments(path)
        before = given[: len(given) - len(own)]
        if given[len(before) :] == own and "{}" not in before:
            return rank
    same_id = words(str(operation.node.get("operationId", ""))) == words(name)
    return len(spec.aliases) + 1 if same_id else None
