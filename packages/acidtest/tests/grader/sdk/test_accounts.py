"""Users of a service: registered, signed in, shared, and signed in again in time."""

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml
from aiohttp import web

from acidtest.catalogue.problem import Problem
from acidtest.core.clock import RunClock
from acidtest.core.errors import PackageError
from acidtest.grader.client import Endpoint, HttpClient
from acidtest.grader.dialect import Dialect
from acidtest.grader.dialect.testing_accounts import Orders
from acidtest.grader.sdk import Accounts, Item, Session, Unmet, User, bearer
from acidtest.grader.sdk._speaking import Speaking

PACKAGES = Path(__file__).parents[5] / "catalogue/problems"


def problem_of(slug: str) -> Problem:
    """A problem as it is in the catalogue."""
    data = yaml.safe_load((PACKAGES / slug / "problem.yaml").read_text())
    return Problem(**data, folder=PACKAGES / slug)


class Judge(Speaking):
    """As much of a check's world as speaks to the service."""

    def __init__(self, client: HttpClient, slug: str = "orders") -> None:
        self.dialect = Dialect.canonical(problem_of(slug))
        self.rng = random.Random(7)
        self.time = 0.0
        self.members: dict[str, User] = {}
        self._client = client

    @property
    def http(self) -> HttpClient:
        """The client of the test."""
        return self._client

    @property
    def accounts(self) -> Accounts:
        """Users of the service."""
        return Accounts(self, self.members)

    def now(self) -> float:
        """What the test says it is."""
        return self.time


@pytest.fixture
def service() -> Orders:
    """A service in the statement's own words."""
    return Orders()


@pytest.fixture
async def judge(service: Orders) -> AsyncIterator[Judge]:
    """Somebody who speaks to the running service."""
    runner = web.AppRunner(service.app(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    client = HttpClient([Endpoint(name="a", port=port)], record=lambda _: None, clock=RunClock())
    try:
        async with client:
            yield Judge(client)
    finally:
        await runner.cleanup()


async def test_a_user_asks_as_themselves_and_nobody_as_nobody(judge: Judge) -> None:
    """A request by a user carries their token, one by nobody none, and each order its own key."""
    user = await judge.accounts.sign_up()
    body = {"total_cents": 5, "currency": "EUR"}

    answers = [await judge.call("create_order", body, by=user) for _ in range(2)]
    keyless = await judge.call("create_order", body, by=user, key=False)
    anonymous = await judge.call("list_orders")

    assert [answer.status for answer in answers] == [201, 201]
    keys = [answer.reply.request.headers["Idempotency-Key"] for answer in answers]
    assert keys[0] != keys[1]
    assert (keyless.status, anonymous.status) == (400, 401)
    assert len(await judge.walk("list_orders", by=user)) == 2


async def test_users_of_one_world_are_shared_and_signed_in_in_time(judge: Judge) -> None:
    """A member is the same user each time, with a new session once half of its life is over."""
    first = await judge.accounts.member("buyer")
    token = first.session.access
    again = await judge.accounts.member("buyer")
    assert (again, again.session.access) == (first, token)

    judge.time = 451.0
    late = await judge.accounts.member("buyer")

    assert late is first
    assert late.session.access != token
    assert (await judge.call("list_orders", by=late)).status == 200


async def test_without_a_token_the_check_is_skipped(judge: Judge, service: Orders) -> None:
    """Where signing in gives no token, what rests on a user is not asked."""
    service.signed_in = lambda _session: {"ok": True}

    with pytest.raises(Unmet, match="access token"):
        await judge.accounts.sign_up()


async def test_a_problem_without_accounts_has_no_users(judge: Judge) -> None:
    """Asking for a user in a problem that declares none is a mistake of its package."""
    with pytest.raises(PackageError, match="book-reviews"):
        await Judge(judge.http, "book-reviews").accounts.sign_up()


def test_a_session_shows_no_token_by_accident() -> None:
    """What is printed of users and sessions holds neither password nor token."""
    session = Session(access="a-token", refresh="r-token", seconds=None, born=0.0)
    user = User(email="a@example.com", password="pass-word", item=Item({}, raw={}), session=session)

    assert "token" not in repr(session).replace("a@", "")
    assert "pass-word" not in repr(user)
    assert bearer(user) == bearer(session) == bearer("a-token")
    assert bearer(None) == {}
    assert session.fresh(59.0)
    assert not session.fresh(61.0)
