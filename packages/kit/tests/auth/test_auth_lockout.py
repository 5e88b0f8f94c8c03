import asyncio
from collections.abc import Awaitable, Callable

import httpx
import pytest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncSession

from acidkit.auth import AccountLocked, Auth, InvalidCredentials
from acidkit.auth._mail import mail_hash
from acidkit.auth._passwords import Match
from acidkit.errors import Busy
from acidkit.testing import ManualClock, PostgresServer, at_once

pytestmark = pytest.mark.lab

RIGHT = "correct horse battery"
WRONG = "wrong horse battery"
ANN, BOB, NOBODY = "ann@shop.test", "bob@shop.test", "nobody@shop.test"

Replica = Callable[..., Awaitable[httpx.AsyncClient]]
MakeAuth = Callable[..., Awaitable[Auth]]


async def register(client: httpx.AsyncClient, *mails: str) -> None:
    """Make accounts that all have the right password."""
    for mail in mails:
        answer = await client.post("/auth/register", json={"email": mail, "password": RIGHT})
        assert answer.status_code == 201


async def login(client: httpx.AsyncClient, mail: str, password: str = RIGHT) -> httpx.Response:
    """Log in."""
    return await client.post("/auth/login", json={"email": mail, "password": password})


async def guess(client: httpx.AsyncClient, mail: str, times: int) -> list[int]:
    """Guess wrong so many times."""
    return [(await login(client, mail, WRONG)).status_code for _ in range(times)]


async def test_five_failures_lock_even_for_the_right_password(
    replica: Replica, clock: ManualClock
) -> None:
    """The sixth is refused whatever it is, for as long as Retry-After says and no longer."""
    client = await replica()
    await register(client, ANN, BOB)
    assert await guess(client, ANN, 5) == [401] * 5
    clock.advance(100.5)
    refused = await login(client, ANN)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "800")
    assert refused.json()["code"] == "account_locked"
    assert (await login(client, BOB)).status_code == 200
    clock.advance(799)
    assert (await login(client, ANN)).status_code == 429
    clock.advance(1)
    assert (await login(client, ANN)).status_code == 200


async def test_four_failures_do_not_lock_and_success_forgets_them(replica: Replica) -> None:
    """Counting begins anew after a login."""
    client = await replica()
    await register(client, ANN)
    for _ in range(3):
        assert await guess(client, ANN, 4) == [401] * 4
        assert (await login(client, ANN)).status_code == 200


async def test_window_slides(replica: Replica, clock: ManualClock) -> None:
    """Failures count for a quarter of an hour each: there is no moment that forgives all."""
    client = await replica()
    await register(client, ANN)
    for _ in range(4):
        assert await guess(client, ANN, 1) == [401]
        clock.advance(220)
    # The first is 880 seconds old; it and this one lock.
    assert await guess(client, ANN, 2) == [401, 429]
    clock.advance(900)
    assert await guess(client, ANN, 4) == [401] * 4
    clock.advance(901)
    assert await guess(client, ANN, 4) == [401] * 4
    assert (await login(client, ANN)).status_code == 200


async def test_refused_guesses_do_not_prolong_the_lock(
    replica: Replica, clock: ManualClock
) -> None:
    """Whoever is locked out gets in when it was promised, though others keep trying."""
    client = await replica()
    await register(client, ANN)
    await guess(client, ANN, 5)
    clock.advance(899)
    assert await guess(client, ANN, 5) == [429] * 5
    clock.advance(1)
    assert (await login(client, ANN)).status_code == 200


@pytest.mark.parametrize("seed", range(3))
async def test_parallel_guesses_on_two_replicas_are_counted_exactly(
    replica: Replica, database_url: str, postgres_server: PostgresServer, seed: int
) -> None:
    """Of forty guesses at once five are looked at; the right one among the late ones is refused."""
    clients = [await replica(), await replica()]
    await register(clients[0], ANN)
    answers = await at_once(
        40, lambda number: login(clients[(number + seed) % 2], ANN, WRONG), within=60
    )
    statuses = [answer.status_code for answer in answers]
    assert sorted(statuses) == [401] * 5 + [429] * 35
    assert (await login(clients[1], ANN)).status_code == 429
    question = "SELECT count(*) FROM auth_events WHERE kind = 'account_locked'"
    assert postgres_server.run(question, url=database_url) == "1"


async def test_parallel_right_logins_are_all_let_in(replica: Replica) -> None:
    """More logins at once than may fail is no attack while their password is right."""
    clients = [await replica(), await replica()]
    await register(clients[0], ANN)
    answers = await at_once(16, lambda number: login(clients[number % 2], ANN), within=60)
    assert [answer.status_code for answer in answers] == [200] * 16
    assert await guess(clients[0], ANN, 5) == [401] * 5


async def test_failure_is_committed_though_the_answer_is_an_error(
    replica: Replica, database_url: str, postgres_server: PostgresServer
) -> None:
    """Another connection sees the counted failure and no reservation left behind."""
    client = await replica()
    await register(client, ANN)
    await guess(client, ANN, 1)
    question = "SELECT cardinality(failed_at), pending FROM login_attempts"
    assert postgres_server.run(question, url=database_url) == "1|0"


async def test_address_without_account_is_treated_alike(
    replica: Replica, database_url: str, postgres_server: PostgresServer
) -> None:
    """Statuses, words and headers tell nobody who has an account, nor who is disabled."""
    client = await replica()
    await register(client, ANN, BOB)
    postgres_server.run(
        "UPDATE users SET disabled_at = now() WHERE email = 'bob@shop.test'", url=database_url
    )
    seen = []
    for mail in (ANN, BOB, NOBODY, "no address"):
        password = WRONG if mail == ANN else RIGHT
        answers = [await login(client, mail, password) for _ in range(7)]
        seen.append([facts(answer) for answer in answers])
    assert seen[0] == seen[1] == seen[2] == seen[3]
    assert [status for status, *_ in seen[0]] == [401] * 5 + [429] * 2


def facts(answer: httpx.Response) -> tuple[int, dict[str, object], dict[str, str]]:
    """Return all of an answer but what names the request."""
    own = {"x-trace-id", "traceparent"}
    headers = {name: value for name, value in answer.headers.items() if name not in own}
    return answer.status_code, {**answer.json(), "trace_id": ""}, headers


async def test_case_of_an_address_gives_no_further_guesses(replica: Replica) -> None:
    """Ways to write one address share one count."""
    client = await replica()
    await register(client, ANN)
    ways = ["ann@shop.test", "ANN@shop.test", "Ann@SHOP.test", " ann@shop.test", "ann@shop.TEST"]
    for way in ways:
        assert (await login(client, way, WRONG)).status_code == 401
    assert (await login(client, ANN)).status_code == 429


async def test_same_work_is_done_with_and_without_account(make_auth: MakeAuth) -> None:
    """A failed login sends the same statements and verifies one hash, whoever it is for."""
    auth = await make_auth()
    await auth.register(ANN, RIGHT)
    done: list[str] = []
    verify = auth._passwords.verify

    async def noting(password: str, stored: str | None) -> Match:
        done.append("one hash")
        return await verify(password, stored)

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        done.append(statement)

    auth._passwords.verify = noting  # type: ignore[method-assign]  # notes, then works
    event.listen(auth._database.engine.sync_engine, "before_cursor_execute", note)
    work = []
    for mail in (ANN, NOBODY):
        done.clear()
        with pytest.raises(InvalidCredentials):
            await auth.login(mail, WRONG)
        work.append(list(done))
    assert work[0] == work[1]
    assert work[0].count("one hash") == 1


async def test_guess_that_nobody_looked_at_is_given_back(make_auth: MakeAuth) -> None:
    """Logins that were shed for want of room do not count as failures."""
    auth = await make_auth()
    await auth.register(ANN, RIGHT)
    auth._passwords._inside = auth._passwords._room
    for _ in range(6):
        with pytest.raises(Busy):
            await auth.login(ANN, WRONG)
    auth._passwords._inside = 0
    assert await auth.login(ANN, RIGHT)


async def test_guesses_of_a_killed_process_are_given_back(
    make_auth: MakeAuth, clock: ManualClock
) -> None:
    """Reservations that nobody will settle block an account for half a minute at most."""
    auth = await make_auth(hash_wait=0.1)
    await auth.register(ANN, RIGHT)
    for _ in range(5):
        await auth._reserve(ANN)
    with pytest.raises(Busy):
        await auth.login(ANN, RIGHT)
    clock.advance(31)
    assert await (await make_auth()).login(ANN, RIGHT)


async def test_changed_password_is_guessed_under_the_same_lock(
    make_auth: MakeAuth, clock: ManualClock
) -> None:
    """Who holds an access token may not guess the password any oftener."""
    auth = await make_auth()
    user = (await auth.register(ANN, RIGHT)).id
    for _ in range(5):
        with pytest.raises(InvalidCredentials):
            await auth.change_password(user, current=WRONG, new=RIGHT + "!")
    with pytest.raises(AccountLocked):
        await auth.change_password(user, current=RIGHT, new=RIGHT + "!")
    clock.advance(900)
    await auth.change_password(user, current=RIGHT, new=RIGHT + "!")
    assert await auth.login(ANN, RIGHT + "!")


async def test_no_connection_is_held_while_a_hash_is_computed(make_auth: MakeAuth) -> None:
    """Many slow logins leave the pool to others."""
    auth = await make_auth()
    await auth.register(ANN, RIGHT)
    looked, going = asyncio.Event(), asyncio.Event()

    async def slow(_password: str, _stored: str | None) -> object:
        looked.set()
        await going.wait()
        return Match(right=False)

    auth._passwords.verify = slow  # type: ignore[method-assign,assignment]  # a hash that lasts
    task = asyncio.create_task(auth.login(ANN, WRONG))
    await looked.wait()
    pool = auth._database.engine.pool
    assert pool.checkedout() == 0  # type: ignore[attr-defined]  # this pool counts
    going.set()
    with pytest.raises(InvalidCredentials):
        await task


async def test_rows_of_forgotten_failures_are_swept(
    make_auth: MakeAuth, clock: ManualClock
) -> None:
    """Addresses that strangers made up do not stay in the database; locks that hold do."""
    auth = await make_auth()
    for number in range(3):
        with pytest.raises(InvalidCredentials):
            await auth.login(f"made-up-{number}@shop.test", WRONG)
    for _ in range(5):
        with pytest.raises(InvalidCredentials):
            await auth.login(ANN, WRONG)
    clock.advance(899)
    assert await auth.sweeper.sweep() == 0
    clock.advance(1)
    with pytest.raises(InvalidCredentials):
        await auth.login(BOB, WRONG)
    assert await auth.sweeper.sweep() == 4

    async def left(session: AsyncSession) -> list[bytes]:
        return list(await session.scalars(text("SELECT mail_hash FROM login_attempts")))

    assert await auth._database.read(left) == [mail_hash(BOB)]
