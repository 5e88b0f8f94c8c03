"""Bodies are read after the caller is known.

FastAPI reads and parses a declared body before it runs any dependency, so that somebody without a
token would be told about his JSON, and have it parsed, instead of being sent away.
"""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from acidkit.auth import PrincipalDep
from acidkit.errors import UnsupportedMediaType

T = TypeVar("T", bound=BaseModel)


def body_of(model: type[T]) -> Callable[[Request, PrincipalDep], Awaitable[T]]:
    """Return a dependency that gives the request's body as a `model`, to signed-in users only."""

    async def read(request: Request, _principal: PrincipalDep) -> T:
        if not _is_json(request):
            raise UnsupportedMediaType
        try:
            return model.model_validate_json(await request.body())
        except ValidationError as error:
            found = error.errors(include_url=False, include_context=False)
            raise RequestValidationError(
                [{**item, "loc": ("body", *item["loc"])} for item in found]
            ) from error

    return read


def documented(model: type[BaseModel]) -> dict[str, Any]:
    """Return what FastAPI's `openapi_extra=` takes to document such a body."""
    schema = model.model_json_schema()
    content = {"application/json": {"schema": schema}}
    return {"requestBody": {"required": True, "content": content}}


def _is_json(request: Request) -> bool:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind.startswith("application/") and kind.endswith(("/json", "+json"))
