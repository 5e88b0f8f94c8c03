from collections.abc import AsyncIterator
from typing import Any, Literal

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from pydantic import Field, ValidationError

from acidkit.errors import install_error_handlers
from acidkit.web import Clearable, Patch, StrictRoute


class OrderPatch(Patch):
    """An example of what a service writes."""

    status: Literal["pending", "paid"] | None = None
    cents: int | None = Field(default=None, ge=0)
    note: Clearable[str] = None


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """An application that tells what a patch says."""
    router = APIRouter(route_class=StrictRoute)

    @router.patch("/order")
    async def change(patch: OrderPatch) -> dict[str, Any]:
        return patch.changes()

    app = FastAPI()
    app.include_router(router)
    install_error_handlers(app)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t") as made:
        yield made


@pytest.mark.parametrize(
    "body",
    [{}, {"note": None}, {"status": "paid"}, {"cents": 0, "note": "x", "status": "pending"}],
)
async def test_patch_says_what_was_said(client: httpx.AsyncClient, body: dict[str, Any]) -> None:
    """Absent is not null: the changes are what was sent, and an empty patch is none."""
    for kind in ("application/json", "application/merge-patch+json"):
        answer = await client.patch("/order", json=body, headers={"Content-Type": kind})
        assert (answer.status_code, answer.json()) == (200, body)


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"status": None}, "#/status", "null_forbidden"),
        ({"cents": None}, "#/cents", "null_forbidden"),
        ({"user_id": 1}, "#/user_id", "extra_forbidden"),
        ({"cents": "5"}, "#/cents", "int_type"),
        ({"cents": 1.0}, "#/cents", "int_type"),
        ({"cents": True}, "#/cents", "int_type"),
        ({"cents": -1}, "#/cents", "greater_than_equal"),
        ({"status": "stolen"}, "#/status", "literal_error"),
    ],
)
async def test_patch_is_strict(
    client: httpx.AsyncClient, body: dict[str, Any], pointer: str, code: str
) -> None:
    """Unknown members, wrong kinds and null where nothing can be cleared are named and refused."""
    answer = await client.patch("/order", json=body)
    assert answer.status_code == 422
    assert [(item["pointer"], item["code"]) for item in answer.json()["errors"]] == [
        (pointer, code)
    ]


async def test_patch_is_an_object(client: httpx.AsyncClient) -> None:
    """A list, a text or null is no patch."""
    for body in ([], "x", None, [{"note": "x"}]):
        assert (await client.patch("/order", json=body)).status_code == 422


def test_schema_tells_where_null_is_allowed() -> None:
    """The published shape allows null for what can be cleared only, and nothing unknown."""
    schema = OrderPatch.model_json_schema()
    assert schema["additionalProperties"] is False
    assert "required" not in schema
    members = schema["properties"]
    assert members["cents"] == {"type": "integer", "minimum": 0, "title": "Cents"}
    assert members["status"]["enum"] == ["pending", "paid"]
    assert {"type": "null"} in members["note"]["anyOf"]


def test_patch_is_frozen() -> None:
    """Nobody adds to what a client said."""
    with pytest.raises(ValidationError):
        OrderPatch().note = "x"  # type: ignore[misc]  # that is the point
