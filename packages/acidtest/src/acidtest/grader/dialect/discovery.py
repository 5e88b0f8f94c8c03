"""Finding out a dialect: `acidtest.toml`, then the service's OpenAPI document, then names tried."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any

from acidtest.catalogue.problem import Problem
from acidtest.grader.client.message import Reply, Request
from acidtest.grader.contract.document import ContractError, OpenApiDocument
from acidtest.grader.dialect.learning import Learner
from acidtest.grader.dialect.mismatch import Mismatch
from acidtest.grader.dialect.overrides import read_overrides
from acidtest.grader.dialect.spoken import Dialect

Probe = Callable[[Request], Awaitable[Reply]]
"""Sends one request of the discovery; usually `HttpClient.send` with a short deadline."""


async def discover(
    problem: Problem,
    *,
    overrides: Mapping[str, Any],
    openapi: OpenApiDocument | None,
    probe: Probe,
    seed: int = 0,
    deadline: float = 60.0,
) -> Dialect:
    """Find out how the service behind `probe` says the operations of `problem`.

    It stores a few things in the service, so it wants a world of its own. It never fails because of
    the service: what cannot be found is in `mismatches`.

    Args:
        problem: what is looked for.
        overrides: the `[dialect]` table of `acidtest.toml`.
        openapi: the service's own document, when it has one.
        probe: sends a request and returns the reply.
        seed: draws the values that are sent.
        deadline: seconds after which what is not found yet counts as not found.

    Raises:
        SubmissionError: the overrides name something that does not exist.
    """
    if problem.contract == "strict" and problem.baseline is not None:
        # It was handed over with its names; what is missing is for the checks to find.
        return Dialect.canonical(problem)
    told = read_overrides(overrides, problem)
    learner = Learner(
        problem,
        told=told,
        openapi=openapi,
        probe=probe,
        rng=Random(seed),  # noqa: S311 - repeatable, not secret
        schemas=_schemas(problem),
    )
    try:
        async with asyncio.timeout(deadline):
            for name, spec in problem.operations.items():
                await learner.learn(name, spec)
            # A list that is answered with 404 while it is empty is found once something is in it.
            for name in learner.missing():
                await learner.learn(name, problem.operations[name])
    except TimeoutError:
        learner.note(Mismatch("service", (), f"finding its names took more than {deadline:g} s"))
    return learner.dialect()


def _schemas(problem: Problem) -> dict[str, dict[str, Any]]:
    """What the problem's own contract says of each resource's fields in a request."""
    path: Path = problem.folder / "contract.yaml"
    if not path.is_file():
        return {}
    try:
        contract = OpenApiDocument.parse(path.read_bytes(), source=path.name)
    except ContractError:
        return {}
    found: dict[str, dict[str, Any]] = {}
    for spec in problem.operations.values():
        operation = contract.find(spec.method, spec.path)
        if spec.sends and operation:
            found.setdefault(spec.sends, {}).update(contract.request_properties(operation))
    return found
