"""Two different questions: is this process alive, and should it get requests now."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

from fastapi import APIRouter
from starlette.responses import JSONResponse

from acidkit.errors import Problem
from acidkit.lifecycle import Lifecycle, Phase

PATIENCE = 1.0

Probe = Callable[[], Awaitable[object]]


def health_router(lifecycle: Lifecycle, probes: Mapping[str, Probe]) -> APIRouter:
    """Return `/livez`, `/readyz` and `/health`.

    Liveness asks nothing of anybody: a database that is down is not healed by killing us. A probe
    says no by raising; what it raises is not shown.
    """
    router = APIRouter(include_in_schema=False)

    @router.get("/livez")
    @router.get("/health")
    async def live() -> dict[str, str]:
        return {"status": "ok"}

    @router.get("/readyz")
    async def ready() -> JSONResponse:
        found = {name: await _works(probe) for name, probe in probes.items()}
        well = all(found.values()) and lifecycle.phase is Phase.READY
        words = {name: "ok" if works else "down" for name, works in found.items()}
        return JSONResponse(
            {"status": "ok" if well else "unavailable", "phase": lifecycle.phase, "checks": words},
            status_code=HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE,
        )

    return router


async def _works(probe: Probe) -> bool:
    try:
        async with asyncio.timeout(PATIENCE):
            await probe()
    except (Problem, OSError):
        return False
    return True
