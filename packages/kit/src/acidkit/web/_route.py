"""Routes whose JSON is read strictly."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.routing import APIRoute
from pydantic_core import from_json
from starlette.requests import Request
from starlette.responses import Response


class StrictRoute(APIRoute):
    """A route that takes only JSON which can be stored and given back.

    Python's own parser lets through what is not JSON (`NaN`) and what is not text (half of a
    surrogate pair), and both fail much later. Use as `APIRouter(route_class=StrictRoute)`.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the route's handler, given a request that reads strictly."""
        handler = super().get_route_handler()

        async def strict(request: Request) -> Response:
            return await handler(_StrictRequest(request.scope, request.receive))

        return strict


class _StrictRequest(Request):
    async def json(self) -> Any:
        # Anything wrong is a ValueError, which FastAPI answers with 400. Nesting is bounded too.
        return from_json(await self.body(), allow_inf_nan=False)
