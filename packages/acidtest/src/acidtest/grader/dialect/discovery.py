"""Finding out a dialect: `acidtest.toml`, then the service's OpenAPI document, then names tried."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from acidtest.catalogue.problem import Problem
from acidtest.grader.client.message import Reply, Request
from acidtest.grader.contract.document import OpenApiDocument
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

    It stores a few things in the service, so it wants a world of its own. It never fails because of the
    service: what cannot be found is in `mismatches`.

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
    raise NotImplementedError
