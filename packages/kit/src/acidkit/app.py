"""Puts a service together: errors, identity, health, metrics and a graceful end, wired once."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI
from opentelemetry.sdk.trace import TracerProvider
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.middleware import Middleware
from starlette.responses import Response

from acidkit.edge import Edge
from acidkit.errors import ProblemBody, install_error_handlers
from acidkit.health import Probe, health_router
from acidkit.lifecycle import Lifecycle
from acidkit.observe import HttpMetrics

BODY_LIMIT = 256 * 1024

Resources = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def create_app(
    title: str,
    routers: Sequence[APIRouter],
    *,
    version: str,
    registry: CollectorRegistry,
    resources: Resources,
    probes: Mapping[str, Probe],
    tracer: TracerProvider | None = None,
) -> FastAPI:
    """Return an application that serves `routers` the way production needs it.

    Args:
        title: The service's name, as OpenAPI shows it.
        routers: The service's own routes.
        version: The service's version, as OpenAPI shows it.
        registry: Where metrics are kept; `/metrics` shows it.
        resources: Opens what the service uses, puts it on `app.state`, and closes it at the end.
        probes: What readiness asks; see `health_router`.
        tracer: Where spans go, or None for nowhere; shut down at the end.
    """
    lifecycle = Lifecycle()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with resources(app):
            lifecycle.ready()
            yield
            lifecycle.drain()
        if tracer:
            tracer.shutdown()

    app = _Service(
        title=title,
        version=version,
        lifespan=lifespan,
        redirect_slashes=False,
        middleware=[Middleware(Edge, metrics=HttpMetrics(registry), lifecycle=lifecycle)],
        telemetry={
            "tracing": tracer is not None,
            "metrics": False,
            "logs": False,
            "tracer_provider": tracer,
            "auto_configure": False,
        },
    )
    app.state.lifecycle = lifecycle
    install_error_handlers(app)
    app.include_router(health_router(lifecycle, probes))
    app.include_router(_metrics_router(registry))
    for router in routers:
        app.include_router(router, max_body_size=BODY_LIMIT)
    return app


class _Service(FastAPI):
    """A FastAPI whose document holds the error shape that its operations refer to."""

    def openapi(self) -> dict[str, Any]:
        document = super().openapi()
        schema = ProblemBody.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas.update(schema.pop("$defs", {}))
        schemas["ProblemBody"] = schema
        return document


def _metrics_router(registry: CollectorRegistry) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return router
