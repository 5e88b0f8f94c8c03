"""The old service's health path; it asks nobody, as it always did."""

from fastapi import APIRouter

HEALTH = "/healthz"

router = APIRouter(tags=["health"])


@router.get(HEALTH, operation_id="health")
async def health() -> dict[str, str]:
    """Say that this process is alive."""
    return {"status": "ok"}
