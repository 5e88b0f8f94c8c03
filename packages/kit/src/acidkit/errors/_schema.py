"""The shape of an error answer, as OpenAPI documents it."""

from collections import defaultdict
from typing import Any

from pydantic import BaseModel, Field

from acidkit.errors._problems import Problem

MEDIA_TYPE = "application/problem+json"


class FieldError(BaseModel):
    """One broken rule and where."""

    pointer: str = Field(description="JSON pointer into the body, or query/path/header and name.")
    code: str = Field(description="Stable name of the rule.")
    message: str = Field(description="What is wrong, for a person.")


class ProblemBody(BaseModel):
    """An error, in the shape of RFC 9457."""

    type: str = Field(description="URI of this kind of problem.")
    title: str = Field(description="The kind of problem in words.")
    status: int = Field(description="The HTTP status, repeated.")
    detail: str = Field(description="What happened to this request, for a person.")
    code: str = Field(description="Stable name of this kind of problem, for a program.")
    trace_id: str = Field(description="Finds this request in the logs.")
    errors: list[FieldError] | None = Field(default=None, description="Each broken rule.")


def problem_responses(*kinds: type[Problem]) -> dict[int | str, dict[str, Any]]:
    """Return what FastAPI's `responses=` takes to document these problems."""
    by_status: dict[int, list[str]] = defaultdict(list)
    for kind in kinds:
        by_status[int(kind.status)].append(kind.sentence())
    schema = {"$ref": "#/components/schemas/ProblemBody"}
    return {
        status: {"description": " ".join(sentences), "content": {MEDIA_TYPE: {"schema": schema}}}
        for status, sentences in by_status.items()
    }
