from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import httpx
import pytest

from acidkit.testing import Instance, at_once

pytestmark = pytest.mark.lab

ACCOUNT = {"email": "ann@example.com", "password": "correct horse"}

StartWith = Callable[..., AbstractAsyncContextManager[Instance]]


async def begin(client: httpx.AsyncClient) -> str:
    """Begin a session of the account and return its refresh token."""
    await client.post("/auth/register", json=ACCOUNT)
    answer = await client.post("/auth/login", json=ACCOUNT)
    token: str = answer.json()["refresh_token"]
    return token


async def refresh(client: httpx.AsyncClient, token: str) -> httpx.Response:
    """Show a refresh token."""
    return await client.post("/auth/refresh", json={"refresh_token": token})


async def test_replaced_token_ends_the_session(client: httpx.AsyncClient) -> None:
    """A token that is shown again once its successor was used ends the whole chain, at once."""
    first = await begin(client)
    second = (await refresh(client, first)).json()["refresh_token"]
    third = (await refresh(client, second)).json()["refresh_token"]
    assert len({first, second, third}) == 3
    assert (await refresh(client, first)).status_code == 401
    for token in (second, third):
        assert (await refresh(client, token)).status_code == 401
    # The account is as before: only that session ended.
    assert (await refresh(client, await begin(client))).status_code == 200


async def test_lost_answer_may_be_asked_for_again(client: httpx.AsyncClient) -> None:
    """Whoever did not hear the answer shows the old token again and gets the same new one."""
    first = await begin(client)
    answers = [await refresh(client, first) for _ in range(2)]
    tokens = {answer.json()["refresh_token"] for answer in answers}
    assert len(tokens) == 1
    assert (await refresh(client, tokens.pop())).status_code == 200


async def test_parallel_refreshes_keep_the_session(start: StartWith) -> None:
    """Tabs that refresh at once at two instances all go on with one successor."""
    async with start() as one, start() as two:
        clients = [one.client, two.client]
        first = await begin(one.client)
        answers = await at_once(12, lambda number: refresh(clients[number % 2], first))
        assert {answer.status_code for answer in answers} == {200}
        tokens = {answer.json()["refresh_token"] for answer in answers}
        assert len(tokens) == 1
        for answer in answers:
            who = {"Authorization": f"Bearer {answer.json()['access_token']}"}
            assert (await two.client.get("/orders", headers=who)).status_code == 200
        assert (await refresh(two.client, tokens.pop())).status_code == 200


async def test_logout_everywhere(client: httpx.AsyncClient) -> None:
    """Logging out everywhere ends every session of the account."""
    tokens = [await begin(client) for _ in range(3)]
    access = (await refresh(client, tokens[0])).json()["access_token"]
    who = {"Authorization": f"Bearer {access}"}
    assert (await client.post("/auth/logout-all", headers=who)).status_code == 204
    for token in tokens:
        assert (await refresh(client, token)).status_code == 401


@pytest.mark.parametrize("token", ["", "x", "A" * 43, "é" * 43, "x" * 2000])
async def test_what_is_no_refresh_token(client: httpx.AsyncClient, token: str) -> None:
    """What was never given out is refused, without a crash."""
    assert (await refresh(client, token)).status_code in {401, 422}
