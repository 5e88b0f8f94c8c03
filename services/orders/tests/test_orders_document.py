from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

pytestmark = pytest.mark.lab

Add = Callable[..., Awaitable[httpx.Response]]


async def test_document_is_valid_and_whole(client: httpx.AsyncClient) -> None:
    """The served OpenAPI document validates and holds every operation with its answers."""
    document = (await client.get("/openapi.json")).json()
    validate(document)
    operations = {
        operation["operationId"]: sorted(operation["responses"])
        for path in document["paths"].values()
        for operation in path.values()
    }
    common = ["401", "422", "503"]
    assert operations["create_order"] == sorted(["201", "400", "409", "413", "415", *common])
    assert operations["list_orders"] == sorted(["200", "400", *common])
    assert operations["get_order"] == sorted(["200", "304", "404", *common])
    assert operations["change_order"] == sorted(
        ["200", "400", "404", "409", "412", "413", "415", *common]
    )
    for name in ("register", "login", "refresh", "logout", "logout_all", "read_keys"):
        assert name in operations
    assert "HTTPValidationError" not in document["components"]["schemas"]


async def test_orders_ask_for_a_token_in_the_document(client: httpx.AsyncClient) -> None:
    """Each operation on orders names the scheme of its token; POST names its key."""
    paths = (await client.get("/openapi.json")).json()["paths"]
    for path in ("/orders", "/orders/{order_id}"):
        for operation in paths[path].values():
            assert operation["security"] == [{"accessToken": []}]
    names = {parameter["name"] for parameter in paths["/orders"]["post"]["parameters"]}
    assert names == {"Idempotency-Key"}


@pytest.mark.parametrize(
    ("change", "status"), [({"status": "paid"}, 200), ({"status": None}, 422), ({"id": "x"}, 422)]
)
async def test_answers_are_as_documented(
    client: httpx.AsyncClient,
    alice: dict[str, str],
    add: Add,
    change: dict[str, Any],
    status: int,
) -> None:
    """What is answered fits the schema that the document gives for that status."""
    document = (await client.get("/openapi.json")).json()
    made = await add(client, alice)
    path = made.headers["location"]
    changed = await client.patch(path, json=change, headers=alice)
    assert changed.status_code == status
    listed = await client.get("/orders", headers=alice)
    for place, method, answer in (
        ("/orders", "post", made),
        ("/orders", "get", listed),
        ("/orders/{order_id}", "patch", changed),
    ):
        responses = document["paths"][place][method]["responses"]
        kind = answer.headers["content-type"]
        schema = responses[str(answer.status_code)]["content"][kind]["schema"]
        whole = {**schema, "components": document["components"]}
        Draft202012Validator(whole).validate(answer.json())


async def test_bodies_of_the_document_are_those_taken(client: httpx.AsyncClient) -> None:
    """The documented bodies forbid what the service refuses."""
    paths = (await client.get("/openapi.json")).json()["paths"]

    def body(path: str, method: str) -> Draft202012Validator:
        content = paths[path][method]["requestBody"]["content"]
        return Draft202012Validator(content["application/json"]["schema"])

    new, patch = body("/orders", "post"), body("/orders/{order_id}", "patch")
    assert new.is_valid({"total_cents": 0, "currency": "EUR"})
    assert patch.is_valid({"status": "paid"})
    for order in ({"total_cents": -1, "currency": "EUR"}, {"currency": "EUR"}, {"id": 1}):
        assert not new.is_valid(order)
    for change in ({"status": None}, {"status": "x"}, {"id": 1}, {"total_cents": "1"}):
        assert not patch.is_valid(change)
