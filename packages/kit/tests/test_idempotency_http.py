from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request, Response
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, SecretStr
from sqlalchemy import MetaData, text

from acidkit.db import Database, DatabaseSettings, UnitOfWork, make_engine
from acidkit.errors import install_error_handlers
from acidkit.idempotency import (
    Idempotency,
    IdempotencyKeyDep,
    KeyMalformed,
    KeyMissing,
    Reply,
    fingerprint,
    idempotency_table,
    parse_key,
    ticket_for,
)
from acidkit.web import StrictRoute

# The example of draft-ietf-httpapi-idempotency-key-header-07, section 2.1.
EXAMPLE = "8e03978e-40d5-43e8-bc93-6894a57f9324"


def test_quoted_and_bare_are_one_key() -> None:
    """The draft's own example is understood with its quotes and without."""
    assert parse_key([f'"{EXAMPLE}"']) == parse_key([EXAMPLE]) == EXAMPLE
    assert parse_key([f' "{EXAMPLE}";v=1']) == EXAMPLE
    assert parse_key([r'"a \"b\" \\c"']) == r'a "b" \c'
    assert parse_key(["x" * 255]) == "x" * 255
    assert parse_key([f'"{"x" * 255}"']) == "x" * 255


@pytest.mark.parametrize(
    "lines",
    [
        [""],
        [" "],
        ['""'],
        ['"  "'],
        ["x" * 256],
        [f'"{"x" * 256}"'],
        ['"unended'],
        ['"a" "b"'],
        ['"a", "b"'],
        ["a, b"],
        ["a b"],
        ["käse"],
        ['"käse"'],
        ["a\x00b"],
        ["a", "a"],
    ],
)
def test_malformed_key_is_refused(lines: list[str]) -> None:
    """What is not one string of 1 to 255 visible characters is no key, nor are two of them."""
    with pytest.raises(KeyMalformed):
        parse_key(lines)


def test_missing_key_is_missing() -> None:
    """No header is another mistake than a wrong one."""
    with pytest.raises(KeyMissing):
        parse_key([])


@given(st.text(max_size=300))
def test_any_header_is_a_key_or_malformed(line: str) -> None:
    """No text does anything else; what is a key can be stored."""
    try:
        key = parse_key([line])
    except KeyMalformed:
        return
    assert 0 < len(key) <= 255
    assert key.isascii()
    assert key.isprintable()


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (b'{"a": 1, "b": [1, 2]}', b'{"b":[1,2],"a":1}', True),
        (b'{"a": "\\u00e4"}', '{"a": "ä"}'.encode(), True),
        (b'{"a": 1}', b'{"a": 2}', False),
        (b'{"a": 1}', b'{"a": 1.0}', False),
        (b'{"a": 1}', b'{"a": "1"}', False),
        (b'{"a": 1}', b'{"a": true}', False),
        (b'{"a": null}', b"{}", False),
        (b"[1, 2]", b"[2, 1]", False),
        (b'{"a": NaN}', b'{"a":NaN}', False),
        (b"", b"null", False),
    ],
)
def test_fingerprint_is_of_the_meaning(one: bytes, other: bytes, *, same: bool) -> None:
    """Order and white space say nothing; every value, and whatever is not JSON, does."""
    assert (fingerprint(one) == fingerprint(other)) is same
    assert fingerprint(one, target="/a") != fingerprint(one, target="/b")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.binary(max_size=50) | JSON.map(lambda value: repr(value).encode("utf-8", "replace")))
def test_fingerprint_takes_any_body(body: bytes) -> None:
    """No body makes it fail: deep, binary, or not quite JSON."""
    assert len(fingerprint(body)) == 32
    assert len(fingerprint(b"[" * 100_000)) == 32


class NewOrder(BaseModel):
    """An order as a client sends it."""

    model_config = ConfigDict(strict=True)

    cents: int


class OrderOut(BaseModel):
    """An order as it is shown."""

    id: int
    cents: int


def orders_router(keys: Idempotency) -> APIRouter:
    """What a service writes to take orders once."""
    router = APIRouter(route_class=StrictRoute)

    @router.post("/shops/{shop}/orders", response_model=OrderOut, status_code=201)
    async def order(
        request: Request, shop: int, key: IdempotencyKeyDep, new: NewOrder, user: str = "u"
    ) -> Response:
        async def effect(unit: UnitOfWork) -> Reply:
            insert = text("INSERT INTO orders (cents) VALUES (:cents) RETURNING id")
            number = await unit.session.scalar(insert, {"cents": new.cents})
            place = {"Location": f"/shops/{shop}/orders/{number}", "ETag": '"1"'}
            return Reply.of(OrderOut(id=number or 0, cents=new.cents), headers=place)

        ticket = await ticket_for(request, key, owner=user)
        return (await keys.perform(ticket, effect)).response()

    return router


@pytest.fixture
async def client(database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """A service that takes orders."""
    database = Database(make_engine(DatabaseSettings(url=SecretStr(database_url))))
    metadata = MetaData()
    idempotency_table(metadata)
    table = "CREATE TABLE orders (id bigserial PRIMARY KEY, cents int CHECK (cents < 1000))"
    async with database.engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
        await connection.execute(text(table))
    app = FastAPI()
    app.include_router(orders_router(Idempotency(database)))
    install_error_handlers(app)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://t") as made:
        yield made
    await database.close()


async def order(
    client: httpx.AsyncClient, body: Any, key: str | None = '"k"', path: str = "/shops/1/orders"
) -> httpx.Response:
    """Send an order."""
    headers = {} if key is None else {"Idempotency-Key": key}
    return await client.post(path, json=body, headers=headers)


@pytest.mark.lab
async def test_service_answers_once_and_again(client: httpx.AsyncClient) -> None:
    """A repetition, also with the key spelled bare, gets the same bytes, Location and ETag."""
    first, again = await order(client, {"cents": 5}), await order(client, {"cents": 5}, "k")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content == b'{"id":1,"cents":5}'
    marked = dict(again.headers)
    assert marked.pop("idempotency-replayed") == "true"
    assert marked == dict(first.headers)
    assert first.headers["location"] == "/shops/1/orders/1"


@pytest.mark.lab
async def test_service_refuses_wrong_keys(client: httpx.AsyncClient) -> None:
    """400 without a key or with a malformed one, 422 for another body or another resource."""
    assert (await order(client, {"cents": 5}, None)).json()["code"] == "idempotency_key_missing"
    malformed = await order(client, {"cents": 5}, "a b")
    assert (malformed.status_code, malformed.json()["code"]) == (400, "idempotency_key_malformed")
    await order(client, {"cents": 5})
    for body, path in [({"cents": 6}, "/shops/1/orders"), ({"cents": 5}, "/shops/2/orders")]:
        answer = await order(client, body, path=path)
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert (await order(client, {"cents": 5}, path="/shops/1/orders?user=v")).json()["id"] == 2


@pytest.mark.lab
async def test_refused_request_leaves_its_key_free(client: httpx.AsyncClient) -> None:
    """A body that is invalid, or that the database refuses, is corrected under the same key."""
    assert (await order(client, {"cents": "5"})).status_code == 422
    assert (await order(client, {"cents": 5000})).status_code == 500
    answer = await order(client, {"cents": 7})
    assert answer.status_code == 201
    assert "idempotency-replayed" not in answer.headers


@pytest.mark.lab
async def test_document_names_the_header(client: httpx.AsyncClient) -> None:
    """The contract shows where the key goes."""
    document = (await client.get("/openapi.json")).json()
    operation = document["paths"]["/shops/{shop}/orders"]["post"]
    assert "Idempotency-Key" in {item["name"] for item in operation["parameters"]}


def test_reply_keeps_only_what_can_be_repeated() -> None:
    """Headers of one exchange and bodies without bound are refused when they are made."""
    with pytest.raises(ValueError, match="set-cookie"):
        Reply(201, b"", (("Set-Cookie", "a=b"),))
    with pytest.raises(ValueError, match="65536 bytes"):
        Reply(201, b"x" * 65_537)
