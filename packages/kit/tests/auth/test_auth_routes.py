import base64
import io
import json
import re
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePublicNumbers,
)
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from fastapi import Depends, FastAPI
from openapi_spec_validator import validate
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from acidkit import create_app
from acidkit.auth import Auth, InvalidToken, auth_router, jwks_router
from acidkit.auth._keys import new_key
from acidkit.errors import Busy
from acidkit.observe import Redactor, configure_logs
from acidkit.testing import PostgresServer, at_once, running

pytestmark = pytest.mark.lab

WORD, OTHER = "correct horse battery", "another horse battery"
ANN = {"email": "ann@shop.test", "password": WORD}

Replica = Callable[..., Awaitable[httpx.AsyncClient]]
MakeAuth = Callable[..., Awaitable[Auth]]


@pytest.fixture
async def client(replica: Replica) -> httpx.AsyncClient:
    """A client of a service with no accounts."""
    return await replica()


async def log_in(client: httpx.AsyncClient) -> dict[str, Any]:
    """Make Ann's account where there is none, and log in."""
    await client.post("/auth/register", json=ANN)
    answer = await client.post("/auth/login", json=ANN)
    assert answer.status_code == 200
    return dict(answer.json())


def bearer(token: str) -> dict[str, str]:
    """Return the header that carries a token."""
    return {"authorization": f"Bearer {token}"}


async def test_account_is_made_once(client: httpx.AsyncClient) -> None:
    """The answer shows the account and nothing secret; every way to write its address is taken."""
    made = await client.post("/auth/register", json=ANN)
    assert made.status_code == 201
    assert set(made.json()) == {"id", "email", "created_at"}
    for way in ("ann@shop.test", "Ann@Shop.Test", "ANN@SHOP.TEST"):
        answer = await client.post("/auth/register", json={**ANN, "email": way})
        assert (answer.status_code, answer.json()["code"]) == (409, "email_taken")


async def test_parallel_registrations_make_one_account(
    replica: Replica, database_url: str, postgres_server: PostgresServer
) -> None:
    """Of ten at once on two replicas one wins; the others are told why."""
    clients = [await replica(), await replica()]
    mails = ["ann@shop.test", "ANN@shop.test"]

    async def register(number: int) -> int:
        body = {**ANN, "email": mails[number % 2]}
        return (await clients[number % 2].post("/auth/register", json=body)).status_code

    assert sorted(await at_once(10, register, within=60)) == [201] + [409] * 9
    assert postgres_server.run("SELECT count(*) FROM users", url=database_url) == "1"


NOT_MAILS = [
    "",
    "ann",
    "ann@",
    "@shop.test",
    "ann@shop",
    "ann@@shop.test",
    "ann@shop..test",
    "ann shop@shop.test",
    "ann@shop.test, bob@shop.test",
    "Ann <ann@shop.test>",
    "ann\0@shop.test",
    "ann\n@shop.test",
    "ann@shop.test\r\nBcc: all@shop.test",
    "a" * 65 + "@shop.test",
    "ann@" + "a" * 250 + ".test",
    "\u202eann@shop.test",
    "ann@[127.0.0.1]",
    "ann@localhost",
    None,
    7,
    ["ann@shop.test"],
]


@pytest.mark.parametrize("mail", NOT_MAILS)
async def test_what_is_no_address_is_refused(client: httpx.AsyncClient, mail: object) -> None:
    """A client learns which field is wrong, without a look at any name server."""
    answer = await client.post("/auth/register", json={**ANN, "email": mail})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "#/email"


@pytest.mark.parametrize(
    "body",
    [
        {"email": "ann@shop.test", "password": WORD[:7]},
        {"email": "ann@shop.test", "password": "x" * 129},
        {"email": "ann@shop.test", "password": None},
        {"email": "ann@shop.test", "password": 12345678},
        {"email": "ann@shop.test"},
        {**ANN, "is_admin": True},
        {**ANN, "id": "1"},
    ],
)
async def test_body_that_breaks_a_rule_is_refused_without_its_values(
    client: httpx.AsyncClient, body: dict[str, object]
) -> None:
    """Length in characters, types and unknown fields are checked; the password is not repeated."""
    answer = await client.post("/auth/register", json=body)
    assert answer.status_code == 422
    assert str(body.get("password") or "nothing") not in answer.text


@pytest.mark.parametrize("password", ["8 chars!", "x" * 128, "\U0001f40e" * 128, "        "])
async def test_any_characters_make_a_password(client: httpx.AsyncClient, password: str) -> None:
    """Length is all that is asked for, and all characters count."""
    body = {**ANN, "password": password}
    assert (await client.post("/auth/register", json=body)).status_code == 201
    assert (await client.post("/auth/login", json=body)).status_code == 200
    wrong = {**ANN, "password": password[:-1]}
    assert (await client.post("/auth/login", json=wrong)).status_code == 401


async def test_login_answers_as_the_standard_says(client: httpx.AsyncClient) -> None:
    """The token response of RFC 6749, 5.1, and never in a cache."""
    await client.post("/auth/register", json=ANN)
    answer = await client.post("/auth/login", json={**ANN, "email": "ANN@shop.test"})
    body = answer.json()
    assert answer.headers["cache-control"] == "no-store"
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 900)
    me = await client.get("/auth/me", headers=bearer(body["access_token"]))
    assert me.json()["email"] == ANN["email"]
    assert (await client.get("/mine", headers=bearer(body["access_token"]))).status_code == 200


async def test_whole_life_of_a_session(client: httpx.AsyncClient) -> None:
    """Refresh, change the password, log in, log out, log out everywhere: all over HTTP."""
    tokens = await log_in(client)
    body = {"refresh_token": tokens["refresh_token"]}
    tokens = (await client.post("/auth/refresh", json=body)).json()
    change = {"current_password": ANN["password"], "new_password": OTHER}
    header = bearer(tokens["access_token"])
    assert (await client.post("/auth/password", json=change, headers=header)).status_code == 204
    body = {"refresh_token": tokens["refresh_token"]}
    assert (await client.post("/auth/refresh", json=body)).status_code == 401
    new = {**ANN, "password": OTHER}
    for leave in ("/auth/logout", "/auth/logout-all"):
        tokens = (await client.post("/auth/login", json=new)).json()
        header = bearer(tokens["access_token"])
        body = {"refresh_token": tokens["refresh_token"]}
        json_body = body if leave == "/auth/logout" else None
        assert (await client.post(leave, json=json_body, headers=header)).status_code == 204
        assert (await client.get("/auth/me", headers=header)).status_code == 401
        assert (await client.post("/auth/refresh", json=body)).status_code == 401
        assert (await client.get("/mine", headers=header)).status_code == 200


BARE = 'Bearer realm="api"'


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        ([], None),
        ([("authorization", "Basic YW5uOmNvcnJlY3Q=")], None),
        ([("authorization", "Token abc")], None),
        ([("authorization", "")], None),
        ([("cookie", "access_token=abc")], None),
        ([("authorization", "Bearer")], "invalid_token"),
        ([("authorization", "Bearer ")], "invalid_token"),
        ([("authorization", "Bearer a b")], "invalid_token"),
        ([("authorization", "Bearer abc")], "invalid_token"),
        ([("authorization", "bearer abc")], "invalid_token"),
        ([("authorization", "Bearer abc"), ("authorization", "Bearer def")], "invalid_token"),
    ],
)
@pytest.mark.parametrize("path", ["/mine", "/auth/me"])
async def test_401_carries_the_challenge_of_the_standard(
    client: httpx.AsyncClient, path: str, headers: list[tuple[str, str]], error: str | None
) -> None:
    """RFC 6750, 3: an error is named only to those who brought a token; the trace id is there."""
    answer = await client.get(path, headers=headers)
    challenge = answer.headers["www-authenticate"]
    assert answer.status_code == 401
    assert challenge.startswith(BARE)
    assert re.findall(r'error="(\w+)"', challenge) == ([error] if error else [])
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["trace_id"] == answer.headers["x-trace-id"]


async def test_token_in_the_address_is_not_read(client: httpx.AsyncClient) -> None:
    """Addresses end up in logs; a token is taken from the header alone."""
    token = (await log_in(client))["access_token"]
    answer = await client.get("/mine", params={"access_token": token})
    assert answer.headers["www-authenticate"] == BARE


@pytest.mark.parametrize("path", ["/auth/login", "/auth/refresh"])
async def test_refused_credentials_are_a_challenge_as_well(
    client: httpx.AsyncClient, path: str
) -> None:
    """Every 401 has the header that HTTP asks for."""
    body = ANN if path == "/auth/login" else {"refresh_token": "A" * 43}
    answer = await client.post(path, json=body)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith(BARE)


@pytest.mark.parametrize("text", ["", "A" * 42, "A" * 44, "é" * 43, "\0" * 43, "A" * 42 + "\n"])
async def test_odd_refresh_tokens_are_just_unknown(client: httpx.AsyncClient, text: str) -> None:
    """No text makes refresh or logout fail in another way."""
    body = {"refresh_token": text}
    assert (await client.post("/auth/refresh", json=body)).status_code == 401
    assert (await client.post("/auth/logout", json=body)).status_code == 204


@pytest.mark.parametrize("mail", ["ann\0@shop.test", "' OR 1=1 --", "", "x" * 1000])
async def test_odd_names_are_just_unknown(client: httpx.AsyncClient, mail: str) -> None:
    """Nobody is called that; the answer is that of any wrong login."""
    answer = await client.post("/auth/login", json={**ANN, "email": mail})
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_credentials")


async def test_published_keys_verify_our_tokens(client: httpx.AsyncClient) -> None:
    """Somebody who knows nothing but the JWK set and RFC 7515 can check an access token."""
    token = (await log_in(client))["access_token"]
    text, _, signature = token.rpartition(".")
    header = json.loads(decoded(token.partition(".")[0]))
    answer = await client.get("/.well-known/jwks.json")
    (key,) = [key for key in answer.json()["keys"] if key["kid"] == header["kid"]]
    x, y = (int.from_bytes(decoded(key[name])) for name in ("x", "y"))
    raw = decoded(signature)
    der = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    public = EllipticCurvePublicNumbers(x, y, SECP256R1()).public_key()
    public.verify(der, text.encode(), ECDSA(SHA256()))
    assert "d" not in key
    assert answer.headers["cache-control"] == "public, max-age=300"


def decoded(text: str) -> bytes:
    """Return what a part of a token stands for."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


async def test_keys_are_rotated_between_replicas(make_auth: MakeAuth) -> None:
    """A replica with the next key first and one that does not know it as first understand both."""
    old, new = (dict(new_key().as_dict(private=True)) for _ in range(2))

    def keys(*order: dict[str, Any]) -> SecretStr:
        return SecretStr(json.dumps({"keys": order}))

    before = await make_auth(signing_keys=keys(old, new))
    after = await make_auth(signing_keys=keys(new, old))
    last = await make_auth(signing_keys=keys(new))
    await before.register("ann@shop.test", WORD)
    first = await before.login("ann@shop.test", WORD)
    second = await after.refresh(first.refresh_token)
    for token in (first.access_token, second.access_token):
        assert before.authenticate(token) == after.authenticate(token)
    assert last.authenticate(second.access_token)
    with pytest.raises(InvalidToken):
        last.authenticate(first.access_token)


async def test_no_secret_is_logged(replica: Replica) -> None:
    """A whole session at the most talkative level leaves no password and no token in the log."""
    stream = io.StringIO()
    configure_logs(redactor=Redactor(), level="DEBUG", stream=stream, service="test")
    client = await replica()
    tokens = await log_in(client)
    body = {"refresh_token": tokens["refresh_token"]}
    later = (await client.post("/auth/refresh", json=body)).json()
    await client.post("/auth/login", json={**ANN, "password": OTHER})
    await client.post("/auth/register", json={**ANN, "password": WORD[:5]})
    await client.get("/auth/me", headers=bearer(later["access_token"]))
    await client.post("/auth/logout", json=body)
    shown = stream.getvalue()
    assert '"kind": "logged_in"' in shown
    for secret in (
        ANN["password"],
        OTHER,
        *(found[name] for found in (tokens, later) for name in ("access_token", "refresh_token")),
    ):
        assert secret not in shown


async def test_document_is_valid_and_names_the_scheme(make_auth: MakeAuth) -> None:
    """OpenAPI says which operations need a token, and describes no field of a password hash."""
    app = service(await make_auth())
    document = app.openapi()
    validate(document)
    assert "accessToken" in document["components"]["securitySchemes"]
    assert document["paths"]["/auth/me"]["get"]["security"] == [{"accessToken": []}]
    assert "security" not in document["paths"]["/auth/login"]["post"]
    assert "password_hash" not in json.dumps(document)


async def test_guards_come_before_any_work(make_auth: MakeAuth) -> None:
    """What a service puts in front, such as a limit, answers first."""

    async def shut() -> None:
        raise Busy

    auth = await make_auth()
    async with running(service(auth, shut)) as instance:
        for path in ("register", "login"):
            answer = await instance.client.post(f"/auth/{path}", json=ANN)
            assert answer.status_code == 503
        statements = [text for text in instance.statements if "users" in text]
        assert statements == []


def service(auth: Auth, *guards: Callable[..., Awaitable[None]]) -> FastAPI:
    """Return a service with guards."""

    @asynccontextmanager
    async def resources(app: FastAPI) -> Any:
        app.state.auth, app.state.database = auth, auth._database
        yield

    return create_app(
        "Accounts",
        [auth_router(guards=[Depends(guard) for guard in guards]), jwks_router()],
        version="1",
        registry=CollectorRegistry(),
        resources=resources,
        probes={},
    )
