import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import argon2
import pytest

from acidkit.auth import (
    Auth,
    InvalidCredentials,
    InvalidRefreshToken,
    InvalidToken,
    TokenPair,
    _sessions,
)
from acidkit.testing import ManualClock, PostgresServer, at_once

pytestmark = pytest.mark.lab

ANN = "ann@shop.test"
WORD = "correct horse battery"
GRACE = 30

MakeAuth = Callable[..., Awaitable[Auth]]
Ask = Callable[[str], str]
Refresh = Callable[[str], Awaitable[TokenPair]]


@pytest.fixture
async def auth(make_auth: MakeAuth) -> Auth:
    """A service where Ann has an account."""
    made = await make_auth(refresh_grace=GRACE)
    await made.register(ANN, WORD)
    return made


@pytest.fixture
def ask(postgres_server: PostgresServer, database_url: str) -> Ask:
    """Ask the database on another connection, which sees only what was committed."""
    return lambda question: postgres_server.run(question, url=database_url)


async def refused(auth: Auth, token: str) -> None:
    """Expect that a refresh token is not accepted."""
    with pytest.raises(InvalidRefreshToken):
        await auth.refresh(token)


async def put_out(auth: Auth, pair: TokenPair) -> None:
    """Expect that neither token of a session can do anything that matters."""
    await refused(auth, pair.refresh_token)
    with pytest.raises(InvalidToken):
        await auth.confirm(auth.authenticate(pair.access_token))


async def test_refresh_gives_other_tokens_of_the_same_session(auth: Auth) -> None:
    """Each refresh replaces the refresh token and names the same user and session."""
    first = await auth.login(ANN, WORD)
    second = await auth.refresh(first.refresh_token)
    third = await auth.refresh(second.refresh_token)
    assert len({pair.refresh_token for pair in (first, second, third)}) == 3
    principals = [auth.authenticate(pair.access_token) for pair in (first, second, third)]
    assert len({(one.user_id, one.session_id) for one in principals}) == 1
    await auth.confirm(principals[0])


async def test_lost_answer_is_given_again(auth: Auth, clock: ManualClock) -> None:
    """Within the grace interval the replaced token is answered with its successor, which works."""
    first = await auth.login(ANN, WORD)
    lost = await auth.refresh(first.refresh_token)
    clock.advance(GRACE)
    again = await auth.refresh(first.refresh_token)
    assert again.refresh_token == lost.refresh_token
    clock.advance(3600)
    assert await auth.refresh(again.refresh_token)


async def test_slow_tab_gets_the_present_token(auth: Auth) -> None:
    """A token replaced twice within the grace interval leads to the newest one."""
    first = await auth.login(ANN, WORD)
    second = await auth.refresh(first.refresh_token)
    third = await auth.refresh(second.refresh_token)
    assert (await auth.refresh(first.refresh_token)).refresh_token == third.refresh_token


async def several(ways: Sequence[Refresh], token: str, number: int) -> TokenPair:
    """Refresh on the replica whose turn it is."""
    return await ways[number % len(ways)](token)


async def test_twenty_parallel_refreshes_end_with_one_token(
    auth: Auth, make_auth: MakeAuth, ask: Ask
) -> None:
    """All of them succeed on two replicas and get the same successor; only one is stored."""
    replicas = [auth, await make_auth(refresh_grace=GRACE)]
    for _ in range(3):
        token = (await auth.login(ANN, WORD)).refresh_token
        refresh = [auth.refresh, replicas[1].refresh]
        pairs = await at_once(20, partial(several, refresh, token), within=60)
        assert len({pair.refresh_token for pair in pairs}) == 1
        assert await auth.refresh(pairs[0].refresh_token)
    assert ask("SELECT count(*), max(generation) FROM refresh_tokens") == "9|2"
    assert ask("SELECT count(*) FROM refresh_families WHERE revoked_at IS NOT NULL") == "0"


async def test_reuse_after_the_grace_ends_the_session_for_good(
    auth: Auth, clock: ManualClock, ask: Ask
) -> None:
    """The family is dead and an event is kept although the answer is an error."""
    first = await auth.login(ANN, WORD)
    other = await auth.login(ANN, WORD)
    present = await auth.refresh(first.refresh_token)
    clock.advance(GRACE + 1)
    await refused(auth, first.refresh_token)
    assert ask("SELECT count(*) FROM refresh_families WHERE revoked_at IS NOT NULL") == "1"
    session = auth.authenticate(present.access_token).session_id
    question = "SELECT session_id FROM auth_events WHERE kind = 'refresh_reused'"
    assert ask(question) == str(session)
    await put_out(auth, present)
    assert await auth.refresh(other.refresh_token)


async def test_parallel_reuse_after_the_grace_is_refused_everywhere(
    auth: Auth, make_auth: MakeAuth, clock: ManualClock, ask: Ask
) -> None:
    """Thieves who come at once get nothing, and the alarm is raised once."""
    replicas = [auth, await make_auth(refresh_grace=GRACE)]
    first = await auth.login(ANN, WORD)
    await auth.refresh(first.refresh_token)
    clock.advance(GRACE + 1)
    await at_once(10, lambda number: refused(replicas[number % 2], first.refresh_token), within=60)
    assert ask("SELECT count(*) FROM auth_events WHERE kind = 'refresh_reused'") == "1"
    assert ask("SELECT count(*) FROM refresh_tokens") == "2"


async def test_grace_of_zero_means_used_once(make_auth: MakeAuth, clock: ManualClock) -> None:
    """Whoever wants no grace has none once time has passed."""
    auth = await make_auth(refresh_grace=0)
    await auth.register(ANN, WORD)
    first = await auth.login(ANN, WORD)
    await auth.refresh(first.refresh_token)
    clock.advance(0.001)
    await refused(auth, first.refresh_token)


async def test_end_of_a_session_is_not_moved(make_auth: MakeAuth, clock: ManualClock) -> None:
    """However often it is refreshed, a session ends when that was said at its beginning."""
    auth = await make_auth(refresh_ttl=1000)
    await auth.register(ANN, WORD)
    pair = await auth.login(ANN, WORD)
    for _ in range(3):
        clock.advance(333)
        pair = await auth.refresh(pair.refresh_token)
    clock.advance(1)
    await put_out(auth, pair)


@pytest.mark.parametrize("reach", [1, 3])
async def test_token_from_too_far_back_is_a_copy(make_auth: MakeAuth, reach: int) -> None:
    """A token that lies farther back than the reach ends the session, also within the grace."""
    auth = await make_auth(refresh_grace=GRACE, refresh_reach=reach)
    await auth.register(ANN, WORD)
    first = await auth.login(ANN, WORD)
    pair = first
    for _ in range(reach):
        pair = await auth.refresh(pair.refresh_token)
        assert (await auth.refresh(first.refresh_token)).refresh_token == pair.refresh_token
    pair = await auth.refresh(pair.refresh_token)
    await refused(auth, first.refresh_token)
    await refused(auth, pair.refresh_token)


async def test_rotation_faster_than_any_client_ends_the_session(
    auth: Auth, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is stored is bounded: a session that races ahead is over."""
    monkeypatch.setattr(_sessions, "LAST_GENERATION", 3)
    first = await auth.login(ANN, WORD)
    pair = first
    for _ in range(3):
        pair = await auth.refresh(pair.refresh_token)
    assert (await auth.refresh(first.refresh_token)).refresh_token == pair.refresh_token
    await refused(auth, pair.refresh_token)


async def test_logout_ends_one_session(auth: Auth, clock: ManualClock, ask: Ask) -> None:
    """Any token of the session will do, even an old one; a made-up one changes nothing."""
    pair, other = await auth.login(ANN, WORD), await auth.login(ANN, WORD)
    present = await auth.refresh(pair.refresh_token)
    await auth.logout("A" * 43)
    await auth.logout("nonsense")
    await auth.confirm(auth.authenticate(present.access_token))
    clock.advance(3600 - 900)
    await auth.logout(pair.refresh_token)
    await refused(auth, present.refresh_token)
    assert await auth.refresh(other.refresh_token)
    assert ask("SELECT count(*) FROM auth_events WHERE kind = 'logged_out'") == "1"


async def test_logout_everywhere_ends_all_of_one_user(auth: Auth) -> None:
    """Other people stay logged in."""
    await auth.register("bob@shop.test", WORD)
    mine = [await auth.login(ANN, WORD) for _ in range(2)]
    bobs = await auth.login("bob@shop.test", WORD)
    await auth.logout_everywhere(auth.authenticate(mine[0].access_token).user_id)
    for pair in mine:
        await put_out(auth, pair)
    assert await auth.refresh(bobs.refresh_token)


async def test_changed_password_puts_everybody_out(auth: Auth) -> None:
    """All sessions end; the new password opens, the old one does not."""
    pair = await auth.login(ANN, WORD)
    user = auth.authenticate(pair.access_token).user_id
    await auth.change_password(user, current=WORD, new="another password")
    await put_out(auth, pair)
    with pytest.raises(InvalidCredentials):
        await auth.login(ANN, WORD)
    assert await auth.login(ANN, "another password")


async def test_login_that_a_password_change_overtook_is_refused(auth: Auth, ask: Ask) -> None:
    """A guess that was right a moment ago opens no session that nobody would end."""
    user = auth.authenticate((await auth.login(ANN, WORD)).access_token).user_id
    looked, going = asyncio.Event(), asyncio.Event()
    verify = auth._passwords.verify

    async def slow(password: str, stored: str | None) -> object:
        match = await verify(password, stored)
        looked.set()
        await going.wait()
        return match

    auth._passwords.verify = slow  # type: ignore[method-assign,assignment]  # waits for the other
    late = asyncio.create_task(auth.login(ANN, WORD))
    await looked.wait()
    auth._passwords.verify = verify  # type: ignore[method-assign]  # as it was
    await auth.change_password(user, current=WORD, new="another password")
    going.set()
    with pytest.raises(InvalidCredentials):
        await late
    assert ask("SELECT count(*) FROM refresh_families WHERE revoked_at IS NULL") == "0"


async def test_disabled_user_is_out_and_stays_out(auth: Auth, ask: Ask) -> None:
    """Sessions end and no password opens a new one."""
    pair = await auth.login(ANN, WORD)
    await auth.disable(auth.authenticate(pair.access_token).user_id)
    await put_out(auth, pair)
    with pytest.raises(InvalidCredentials):
        await auth.login(ANN, WORD)
    assert ask("SELECT count(*) FROM auth_events WHERE kind = 'disabled'") == "1"


async def test_user_disabled_by_hand_is_out_as_well(auth: Auth, ask: Ask) -> None:
    """An operator's plain SQL counts, and so does deleting the user."""
    pair = await auth.login(ANN, WORD)
    ask("UPDATE users SET disabled_at = now()")
    await put_out(auth, pair)
    ask("UPDATE users SET disabled_at = NULL")
    assert await auth.refresh(pair.refresh_token)
    ask("DELETE FROM users")
    await put_out(auth, pair)


async def test_access_token_outlives_a_logout_by_its_own_life_at_most(
    auth: Auth, clock: ManualClock
) -> None:
    """Nobody is asked about an access token, so it may last another quarter of an hour."""
    pair = await auth.login(ANN, WORD)
    await auth.logout(pair.refresh_token)
    clock.advance(899)
    assert auth.authenticate(pair.access_token)
    clock.advance(7)
    with pytest.raises(InvalidToken):
        auth.authenticate(pair.access_token)


async def test_no_secret_is_stored(auth: Auth, ask: Ask) -> None:
    """The whole database holds neither a password nor a token, only their hashes."""
    first = await auth.login(ANN, WORD)
    second = await auth.refresh(first.refresh_token)
    tables = ask("SELECT string_agg(tablename, ' ') FROM pg_tables WHERE schemaname = 'public'")
    everything = "".join(ask(f"TABLE {name}") for name in tables.split())
    digest = hashlib.sha256(second.refresh_token.encode()).hexdigest()
    assert digest in everything
    for pair in (first, second):
        assert pair.refresh_token not in everything
        assert pair.refresh_token.encode().hex() not in everything
        assert pair.access_token not in everything
    assert WORD not in everything
    assert "$argon2id$" in everything


async def test_outdated_hash_is_renewed_at_login(auth: Auth, ask: Ask) -> None:
    """A login replaces a hash of old parameters, and the password stays what it was."""
    old = "$argon2id$v=19$m=1024,t=1,p=1$"
    hasher = argon2.PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)
    ask(f"UPDATE users SET password_hash = '{hasher.hash(WORD)}'")  # noqa: S608 - our own hash
    assert ask("SELECT password_hash FROM users").startswith(old)
    assert await auth.login(ANN, WORD)
    assert ask("SELECT password_hash FROM users").startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await auth.login(ANN, WORD)


async def test_ended_sessions_are_swept(make_auth: MakeAuth, clock: ManualClock, ask: Ask) -> None:
    """Tokens of a family stay as long as reuse must be told, and go with it."""
    auth = await make_auth(refresh_ttl=1000)
    await auth.register(ANN, WORD)
    pair = await auth.login(ANN, WORD)
    await auth.refresh(pair.refresh_token)
    clock.advance(999)
    assert await auth.sweeper.sweep() == 0
    clock.advance(1)
    assert await auth.sweeper.sweep() == 1
    assert ask("SELECT count(*) FROM refresh_tokens") == "0"
    clock.advance(90 * 86_400)
    assert await auth.sweeper.sweep() == 2
    assert ask("SELECT count(*) FROM auth_events") == "0"


async def test_printing_shows_no_secret(auth: Auth) -> None:
    """What ends up in logs and tracebacks by accident holds no token and no hash."""
    pair = await auth.login(ANN, WORD)
    user = auth.authenticate(pair.access_token).user_id
    account = await auth.account(user)

    async with auth._database.unit_of_work() as unit:
        grant = await auth._sessions.rotate(unit.session, pair.refresh_token, now=auth._clock())
    shown = f"{pair!r} {account!r} {grant!r} {auth.keys!r}"
    assert "argon2" not in shown
    assert pair.access_token not in shown
    assert "refresh_token" not in shown
