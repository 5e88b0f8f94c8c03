import httpx
import pytest
from openapi_spec_validator import validate

from acidkit.testing import Instance

pytestmark = pytest.mark.lab


async def test_document_is_valid_and_whole(client: httpx.AsyncClient) -> None:
    """The served OpenAPI document validates and holds the four operations with their errors."""
    document = (await client.get("/openapi.json")).json()
    validate(document)
    operations = {
        operation["operationId"]: sorted(operation["responses"])
        for path in document["paths"].values()
        for operation in path.values()
    }
    assert operations == {
        "list_books": ["200", "400", "422", "503"],
        "create_book": ["201", "400", "409", "413", "415", "422", "503"],
        "get_book": ["200", "404", "422", "503"],
        "list_reviews": ["200", "400", "404", "422", "503"],
        "create_review": ["201", "400", "404", "413", "415", "422", "503"],
    }
    assert "HTTPValidationError" not in document["components"]["schemas"]


@pytest.mark.parametrize("path", ["/books", "/books/1/reviews"])
async def test_unknown_method_is_405_with_allow(client: httpx.AsyncClient, path: str) -> None:
    """A method that a path does not know is refused, naming those it knows."""
    for method in ("DELETE", "PUT", "PATCH"):
        answer = await client.request(method, path)
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")


async def test_sql_in_a_value_stays_a_value(service: Instance) -> None:
    """What looks like SQL is stored as text, and the statements sent do not contain it."""
    evil = "x'); DROP TABLE reviews; --"
    await service.client.post("/books", json={"title": evil, "author": evil})
    assert not any("DROP" in statement for statement in service.statements)
    assert (await service.client.get("/books")).json()["items"][0]["title"] == evil
