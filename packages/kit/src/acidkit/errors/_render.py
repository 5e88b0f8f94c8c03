"""Turns every error into one answer shape: the only place that writes error bodies."""

import json
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from acidkit.errors._problems import (
    InvalidInput,
    MalformedBody,
    MethodNotAllowed,
    NotFound,
    PayloadTooLarge,
    Problem,
    UnsupportedMediaType,
)
from acidkit.errors._schema import MEDIA_TYPE
from acidkit.observe import current_trace

METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
KINDS = {kind.status: kind for kind in (MalformedBody, NotFound, PayloadTooLarge)}
SHOWN_ERRORS = 50  # a hostile body can break thousands of rules; the answer stays small


def problem_response(problem: Problem) -> Response:
    """Render a problem; says nothing that its class or raiser did not put into words."""
    body: dict[str, Any] = {
        "type": problem.type_uri or f"urn:problem:{problem.code.replace('_', '-')}",
        "title": problem.status.phrase,
        "status": int(problem.status),
        "detail": problem.detail,
        "code": problem.code,
        "trace_id": current_trace().trace_id,
        **problem.extensions,
    }
    if problem.errors:
        body["errors"] = problem.errors
    return Response(
        json.dumps(body, ensure_ascii=True).encode(),
        status_code=int(problem.status),
        headers={**problem.headers, "Cache-Control": "no-store"},
        media_type=MEDIA_TYPE,
    )


def install_error_handlers(app: FastAPI) -> None:
    """Make `app` answer problems, framework errors and broken rules in one shape."""

    async def on_problem(_: Request, error: Exception) -> Response:
        problem = error if isinstance(error, Problem) else Problem()
        if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            cause = problem.__cause__
            structlog.get_logger().warning(
                "request_failed", code=problem.code, cause=type(cause).__name__ if cause else None
            )
        return problem_response(problem)

    async def on_http(request: Request, error: Exception) -> Response:
        return problem_response(_from_http(request, error))

    async def on_invalid(request: Request, error: Exception) -> Response:
        return problem_response(_from_validation(request, error))

    handlers: Mapping[type[Exception], Callable[..., Any]] = {
        Problem: on_problem,
        HTTPException: on_http,
        RequestValidationError: on_invalid,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)


def _from_http(request: Request, error: Exception) -> Problem:
    if not isinstance(error, HTTPException):
        return Problem()
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return MethodNotAllowed(headers={"Allow": ", ".join(_methods_at(request))})
    kind = KINDS.get(HTTPStatus(error.status_code))
    if kind:
        return kind(headers=error.headers)
    return _other_status(error)


def _other_status(error: HTTPException) -> Problem:
    class Other(Problem):
        status = HTTPStatus(error.status_code)
        code = HTTPStatus(error.status_code).name.lower()

    return Other(HTTPStatus(error.status_code).phrase, headers=error.headers)


def _methods_at(request: Request) -> Iterator[str]:
    """Yield every method this path knows: the framework's own header names one route's only."""
    routes = request.app.router.routes
    for method in METHODS:
        scope = {**request.scope, "method": method}
        if any(route.matches(scope)[0] is Match.FULL for route in routes):
            yield method


def _from_validation(request: Request, error: Exception) -> Problem:
    broken = error.errors() if isinstance(error, RequestValidationError) else []
    if any(item["type"] == "json_invalid" for item in broken):
        return MalformedBody()
    whole_body = any(tuple(item["loc"]) == ("body",) for item in broken)
    if whole_body and request.headers.get("content-length") != "0" and not _is_json(request):
        return UnsupportedMediaType()
    return InvalidInput(errors=[_field_error(item) for item in broken[:SHOWN_ERRORS]])


def _is_json(request: Request) -> bool:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind.startswith("application/") and kind.endswith(("/json", "+json"))


def _field_error(item: Mapping[str, Any]) -> dict[str, str]:
    source, *path = item["loc"]
    pointer = "".join(f"/{_escaped(part)}" for part in path)
    return {
        "pointer": f"#{pointer}" if source == "body" else f"{source}{pointer}",
        "code": str(item["type"]),
        "message": str(item["msg"]).removeprefix("Value error, "),
    }


def _escaped(part: object) -> str:
    clean = str(part).encode("utf-8", "replace").decode()
    return clean[:100].replace("~", "~0").replace("/", "~1")
