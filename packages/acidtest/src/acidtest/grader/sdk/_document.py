"""The service's own OpenAPI document: is it valid and whole, and true of what is answered."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from acidtest.core.evidence import clip
from acidtest.grader.contract import Unexaminable
from acidtest.grader.sdk._answer import Answer
from acidtest.grader.sdk._outcomes import fail, unknown

if TYPE_CHECKING:
    from acidtest.grader.sdk._env import Env

_LONGEST = 300


async def expect_valid_document(env: "Env", operations: Iterable[str]) -> None:
    """Fail unless there is a valid OpenAPI 3 document that describes all of `operations`.

    Names of path parameters do not matter.
    """
    if env.openapi is None:
        fail(
            "There is no OpenAPI document",
            expected="an OpenAPI 3 document at /openapi.json or the like, or openapi.yaml",
            observed="none at the usual addresses and none in the repository",
        )
    try:
        mistakes = await env.examiner.validate(env.openapi)
    except Unexaminable as error:
        unknown(f"The document could not be judged: {error}")
    if mistakes:
        fail(
            "The OpenAPI document is not valid",
            expected="a document that follows the OpenAPI specification",
            observed="; ".join(clip(mistake, _LONGEST) for mistake in mistakes[:5]),
        )
    for operation in operations:
        method, path = env.dialect.method(operation), env.dialect.template(operation)
        if not env.openapi.describes(method, path):
            fail(
                f"The OpenAPI document does not describe {method} {path}",
                expected="every operation of the statement",
                observed=f"{env.openapi.source} without it",
            )


async def expect_described(env: "Env", answer: Answer) -> None:
    """Fail where the document does not foresee this answer's status, type or body."""
    document, status = env.openapi, answer.status
    if document is None or status is None:
        return
    method, path = env.dialect.method(answer.operation), env.dialect.template(answer.operation)
    if not document.documents(method, path, status):
        fail(
            f"The OpenAPI document does not know that {method} {path} answers {status}",
            expected=f"a response {status} in {document.source}",
            observed=answer.summary(),
        )
    try:
        departures = await env.examiner.conforms(
            document,
            method,
            path,
            status=status,
            content_type=answer.reply.headers.get("Content-Type", ""),
            body=answer.reply.body,
        )
    except Unexaminable as error:
        unknown(f"The answer could not be compared with the document: {error}")
    if departures:
        fail(
            f"An answer of {method} {path} is not as the OpenAPI document describes it",
            expected=f"what {document.source} describes for {status}",
            observed=f"{'; '.join(map(_both_ends, departures[:3]))}: {answer.summary()}",
        )


def _both_ends(departure: str) -> str:
    """Shorten a departure in the middle: it begins with the value and ends with what is wrong."""
    if len(departure) <= _LONGEST:
        return departure
    return f"{departure[:40]} … {departure[-180:]}"
