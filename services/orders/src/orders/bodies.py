"""Bodies are read after the caller is known.

FastAPI reads and parses a declared body before it runs any dependency, so that somebody without a
token would be told about his JSON, and have it parsed, instead of being sent away.
"""

from typing import Any, TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from acidkit.errors import UnsupportedMediaType

T = TypeVar("T", bound=BaseModel)


async def body_of(request: Request, model: type[T]) -> T:
    """Return the request's body as a `model`; routes call it when they know who asks.

    Raises:
        UnsupportedMediaType: it is not said to be JSON.
        RequestValidationError: it is not such a `model`.
    """
    if not _is_json(request):
        raise UnsupportedMediaType
    try:
        return model.model_validate_json(await request.body())
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False)
        raise RequestValidationError(
            [{**item, "loc": ("body", *item["loc"])} for item in found]
        ) from error


def documented(model: type[BaseModel]) -> dict[str, Any]:
    """Return what FastAPI's `openapi_extra=` takes to document such a body."""
    schema = model.model_json_schema()
    content = {"application/json": {"schema": schema}}
    return {"requestBody": {"required": True, "content": content}}


def _is_json(request: Request) -> bool:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind.startswith("application/") and kind.endswith(("/json", "+json"))
