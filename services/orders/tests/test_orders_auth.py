import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import pytest

from acidkit.testing import Instance, PostgresServer, at_once

pytestmark = pytest.mark.lab

PARENT = "0af7651916cd43dd8448eb211c80319c"
ACCOUNT = {"email": "ann@example.com", "password": "correct horse"}
WRONG = {**ACCOUNT, "password": "wrong horse"}
EVERYWHERE = [
    ("GET", "/orders"),
    ("POST", "/orders"),
    ("GET", "/orders/5e4c7c9e-0b39-4f0c-9a43-9b2a1c0e7b11"),
    ("PATCH", "/orders/5e4c7c9e-0b39-4f0c-9a43-9b2a1c0e7b11"),
    ("POST", "/auth/logout-all"),
]

SignUp = Callable[..., Awaitable[dict[str, str]]]
StartWith = Callable[..., AbstractAsyncContextManager[Instance]]


def part(value: dict[str, Any]) -> str:
    """Return a value as a part of a token."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def forged(token: str) -> dict[str, str]:
    """Return tokens made of a good one that must not be good."""
    head, body, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    unsigned = part({"alg": "none", "typ": "at+jwt"})
    elsewhere = part({"alg": "EdDSA", "typ": "at+jwt", "jku": "http://127.0.0.1/keys"})
    return {
        "unsigned": f"{unsigned}.{body}.",
        "unsigned, its signature kept": f"{unsigned}.{body}.{signature}",
        "key from elsewhere": f"{elsewhere}.{body}.{signature}",
        "other payload": f"{head}.{part({**claims, 'exp': claims['exp'] + 1})}.{signature}",
        "signature cut": f"{head}.{body}.{signature[:-4]}",
        "no signature": f"{head}.{body}.",
        "two parts": f"{head}.{body}",
        "words": "not a token",
        "nothing": "",
    }


@pytest.mark.parametrize(("method", "path"), EVERYWHERE)
async def test_nobody_is_let_in(client: httpx.AsyncClient, method: str, path: str) -> None:
    """Without a token: 401 in the shape of every error, a challenge, and the caller's trace id."""
    headers = {"traceparent": f"00-{PARENT}-b7ad6b7169203331-01"}
    answer = await client.request(method, path, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"].startswith("Bearer")
    body = answer.json()
    assert (body["status"], body["code"], body["trace_id"]) == (401, "unauthenticated", PARENT)
    assert body["detail"]


@pytest.mark.parametrize("body", ["{", "[]", '{"total_cents": "x"}'])
async def test_strangers_are_not_told_about_their_body(
    client: httpx.AsyncClient, body: str
) -> None:
    """Who is not signed in is sent away before his body is looked at."""
    headers = {"Content-Type": "application/json"}
    answer = await client.post("/orders", content=body, headers=headers)
    assert answer.status_code == 401


async def test_forged_tokens(client: httpx.AsyncClient, alice: dict[str, str]) -> None:
    """Unsigned, altered, cut and foreign tokens are all 401."""
    good = alice["Authorization"].removeprefix("Bearer ")
    assert (await client.get("/orders", headers=alice)).status_code == 200
    for kind, token in forged(good).items():
        headers = {b"Authorization": f"Bearer {token}".encode()}
        answer = await client.get("/orders", headers=headers)
        assert (answer.status_code, "www-authenticate" in answer.headers) == (401, True), kind


async def test_token_of_another_secret(start: StartWith, sign_up: SignUp) -> None:
    """Instances with one secret take each other's tokens; one with another secret does not."""
    async with start() as one, start() as two, start(secret_key="7a" * 32) as stranger:
        who = await sign_up(one.client)
        assert (await two.client.get("/orders", headers=who)).status_code == 200
        assert (await stranger.client.get("/orders", headers=who)).status_code == 401


async def test_refresh_token_is_no_access_token(client: httpx.AsyncClient) -> None:
    """Each token is good for its own purpose only."""
    await client.post("/auth/register", json=ACCOUNT)
    tokens = (await client.post("/auth/login", json=ACCOUNT)).json()
    headers = {"Authorization": f"Bearer {tokens['refresh_token']}"}
    assert (await client.get("/orders", headers=headers)).status_code == 401
    swapped = {"refresh_token": tokens["access_token"]}
    assert (await client.post("/auth/refresh", json=swapped)).status_code == 401


async def test_access_token_expires(start: StartWith, sign_up: SignUp) -> None:
    """A token that is older than ACCESS_TOKEN_SECONDS and the leeway is refused."""
    async with start(access_token_seconds=1) as one:
        who = await sign_up(one.client)
        assert (await one.client.get("/orders", headers=who)).status_code == 200
        async with asyncio.timeout(15):
            while (await one.client.get("/orders", headers=who)).status_code == 200:  # noqa: ASYNC110 - over HTTP
                await asyncio.sleep(0.1)
        assert (await one.client.get("/orders", headers=who)).status_code == 401


async def test_one_address_one_user(start: StartWith) -> None:
    """Of many registrations of one address, in any case, one is 201 and the others 409."""
    async with start() as one, start() as two:
        clients = [one.client, two.client]
        mails = ["Ann@example.com", "ann@EXAMPLE.com", "ann@example.com"]

        async def register(number: int) -> httpx.Response:
            account = {**ACCOUNT, "email": mails[number % 3]}
            return await clients[number % 2].post("/auth/register", json=account)

        answers = await at_once(8, register)
        assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "nobody"),
        ("email", "a@b@c.example.com"),
        ("email", f"{'a' * 250}@example.com"),
        ("email", None),
        ("email", 7),
        ("password", "x" * 7),
        ("password", "x" * 129),
        ("password", None),
        ("password", 12345678),
    ],
)
async def test_accounts_that_cannot_be(
    client: httpx.AsyncClient,
    database_url: str,
    postgres_server: PostgresServer,
    field: str,
    value: object,
) -> None:
    """What breaks a rule of accounts is refused and registers nobody."""
    answer = await client.post("/auth/register", json={**ACCOUNT, field: value})
    assert answer.status_code == 422
    assert postgres_server.run("SELECT count(*) FROM users", url=database_url) == "0"


@pytest.mark.parametrize("password", ["x" * 8, "x" * 128, "pässwörter", "🐎" * 128])
async def test_passwords_at_the_edge(client: httpx.AsyncClient, password: str) -> None:
    """Passwords of 8 and of 128 characters are taken, and log their owner in."""
    account = {**ACCOUNT, "password": password}
    assert (await client.post("/auth/register", json=account)).status_code == 201
    assert (await client.post("/auth/login", json=account)).status_code == 200


async def test_password_is_only_kept_as_argon2id(
    client: httpx.AsyncClient, database_url: str, postgres_server: PostgresServer
) -> None:
    """The database holds an argon2id hash at OWASP's minimum or above, with its own salt."""
    for email in ("ann@example.com", "ben@example.com"):
        await client.post("/auth/register", json={**ACCOUNT, "email": email})
    hashes = postgres_server.run("SELECT password_hash FROM users", url=database_url).splitlines()
    assert len(set(hashes)) == 2
    for found in hashes:
        assert found.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_unknown_and_wrong_are_told_alike(client: httpx.AsyncClient) -> None:
    """A wrong password and an unknown address get the same status and the same text."""
    await client.post("/auth/register", json=ACCOUNT)
    wrong = await client.post("/auth/login", json=WRONG)
    unknown = await client.post("/auth/login", json={**WRONG, "email": "nobody@example.com"})
    assert wrong.status_code == unknown.status_code == 401
    told, other = wrong.json(), unknown.json()
    for body in (told, other):
        del body["trace_id"]
    assert told == other


async def test_account_locks_after_five(start: StartWith) -> None:
    """Of many guesses at once at two instances five are looked at; then the right one waits too."""
    async with start() as one, start() as two:
        clients = [one.client, two.client]
        other = {**ACCOUNT, "email": "ben@example.com"}
        for account in (ACCOUNT, other):
            await one.client.post("/auth/register", json=account)
        answers = await at_once(
            12, lambda number: clients[number % 2].post("/auth/login", json=WRONG)
        )
        assert sorted(answer.status_code for answer in answers) == [401] * 5 + [429] * 7
        for client in clients:
            locked = await client.post("/auth/login", json=ACCOUNT)
            assert (locked.status_code, locked.json()["code"]) == (429, "account_locked")
            assert 800 < int(locked.headers["retry-after"]) <= 900
        assert (await two.client.post("/auth/login", json=other)).status_code == 200


async def test_lock_ends(start: StartWith) -> None:
    """After LOCKOUT_SECONDS the right password works again."""
    async with start(lockout_seconds=1) as one:
        await one.client.post("/auth/register", json=ACCOUNT)
        statuses = set()
        async with asyncio.timeout(20):
            while 429 not in statuses:
                statuses.add((await one.client.post("/auth/login", json=WRONG)).status_code)
            while (await one.client.post("/auth/login", json=ACCOUNT)).status_code != 200:  # noqa: ASYNC110 - over HTTP
                await asyncio.sleep(0.05)
        assert statuses == {401, 429}
