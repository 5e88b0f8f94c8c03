"""Sessions: refresh tokens that are replaced, shown again, used at once, and ended."""

import asyncio

from acidtest.grader.sdk import SAFETY, Answer, Env, Session, check, fail, unmet

from ._desk import BASE

_CROWD = 8
ROTATED = "a_refresh_gives_a_new_pair"
_ENDED = frozenset({200, 204})


@check("R3", group="sessions", weight=3, requires=(BASE,))
async def a_refresh_gives_a_new_pair(env: Env) -> None:
    """A refresh is answered with 200 and a new pair of tokens that work.

    The new refresh token differs from the old one, the new access token opens the list, and the
    chain can be continued at the other instance.
    """
    user = await env.accounts.sign_up()
    session = user.session
    for step in range(3):
        answer = await _refresh(env, session, replica=step % env.replicas)
        answer.expect({200}, "A refresh with a good token is not answered with 200")
        renewed = _tokens(env, answer)
        if renewed.refresh == session.refresh:
            fail(
                "A refresh does not replace the refresh token",
                expected="another refresh token",
                observed="the same one",
            )
        listed = await env.call("list_orders", by=renewed)
        listed.expect({200}, "The access token of a refresh is not accepted")
        session = renewed


@check("R3", group="sessions", kind=SAFETY, weight=3, requires=(ROTATED,))
async def a_replaced_token_shown_again_ends_the_session(env: Env) -> None:
    """A replaced refresh token, shown again after the new one was used, is refused and ends it all.

    The first token is replaced by a second and that by a third; then the first comes again: it is
    refused with 401, and so is the third from then on. Another session of the same user goes on.
    """
    user = await env.accounts.sign_up()
    other = await env.accounts.log_in(user)
    first = user.session
    second = await _renewed(env, first)
    await env.call("list_orders", by=second)
    third = await _renewed(env, second)
    answer = await _refresh(env, first, replica=0)
    answer.expect({401}, "A refresh token that was replaced long ago is not refused with 401")
    for replica in range(env.replicas):
        answer = await _refresh(env, third, replica=replica)
        answer.expect({401}, "After a replaced token was shown again its session goes on")
    answer = await _refresh(env, other)
    answer.expect({200}, "A replaced token of one session ends another session of the user")


@check("R3", group="sessions", kind=SAFETY, weight=3, requires=(ROTATED,))
async def parallel_refreshes_do_not_end_an_honest_session(env: Env) -> None:
    """Eight refreshes with one token at the same moment leave the client with a session that works.

    At two instances, with 15 ms more for every round trip to the database. At least one is answered
    with 200, none with a 5xx but 503, and the tokens that came last work and can be refreshed.
    """
    user = await env.accounts.sign_up()
    done: list[Answer] = []

    async def one(replica: int) -> None:
        done.append(await _refresh(env, user.session, replica=replica))

    async with env.postgres.slowed(0.015), asyncio.TaskGroup() as group:
        for number in range(_CROWD):
            group.create_task(one(number % env.replicas))
    odd = [a for a in done if a.status is not None and a.status >= 500 and a.status != 503]
    if odd:
        fail(
            "A refresh beside others with the same token is answered with an error of the service",
            expected="200, or a refusal",
            observed=odd[0].summary(),
        )
    winners = [answer for answer in done if answer.status == 200]
    if not winners:
        fail(
            "Of parallel refreshes with one token none succeeds",
            expected="at least one 200",
            observed=done[0].summary(),
        )
    session = _tokens(env, winners[-1])
    listed = await env.call("list_orders", by=session)
    listed.expect({200}, "After parallel refreshes the new access token is not accepted")
    answer = await _refresh(env, session)
    answer.expect({200}, "After parallel refreshes the new refresh token is not accepted")


@check("R4", group="sessions", weight=2, requires=(ROTATED,))
async def logging_out_ends_the_session(env: Env) -> None:
    """Logging out is answered with 200 or 204; that refresh token is refused with 401 afterwards.

    At both instances. Another session of the same user goes on.
    """
    user = await env.accounts.sign_up()
    other = await env.accounts.log_in(user)
    answer = await env.call("logout", _shown(user.session), by=user, replica=0)
    answer.expect(_ENDED, "Logging out is answered with neither 200 nor 204")
    for replica in range(env.replicas):
        answer = await _refresh(env, user.session, replica=replica)
        answer.expect({401}, "After logging out the refresh token is still accepted")
    answer = await _refresh(env, other)
    answer.expect({200}, "Logging out of one session ends another one")


@check("R4", group="sessions", weight=2, requires=(ROTATED,))
async def logging_out_everywhere_ends_every_session(env: Env) -> None:
    """After `logout-all` every refresh token of the user is refused, and nobody else's.

    Three sessions, one of them refreshed before. It needs a bearer token.
    """
    user, stranger = [await env.accounts.sign_up() for _ in range(2)]
    sessions = [await env.accounts.log_in(user) for _ in range(2)]
    sessions.append(await _renewed(env, user.session))
    anonymous = await env.call("logout_all")
    anonymous.expect({401}, "logout-all without a token is not refused with 401")
    answer = await env.call("logout_all", by=sessions[0], replica=0)
    answer.expect(_ENDED, "logout-all is answered with neither 200 nor 204")
    for number, session in enumerate(sessions):
        answer = await _refresh(env, session, replica=number % env.replicas)
        answer.expect({401}, "After logout-all a refresh token of the user is still accepted")
    answer = await _refresh(env, stranger.session)
    answer.expect({200}, "logout-all of one user ends the session of another")
    signed_in = await env.accounts.try_log_in(user.email, user.password)
    signed_in.expect({200}, "After logout-all the user cannot sign in any more")


@check("R3", group="sessions", kind=SAFETY, requires=(ROTATED,))
async def refresh_tokens_are_not_guessable(env: Env) -> None:
    """A refresh token that was made up, altered, or is an access token is refused with 401.

    400 and 422 are accepted as well. Two log-ins get different tokens.
    """
    user = await env.accounts.sign_up()
    real = user.session.refresh or ""
    again = await env.accounts.log_in(user)
    if again.refresh == real:
        fail(
            "Two log-ins get the same refresh token",
            expected="tokens of their own",
            observed="one token for both",
        )
    at = len(real) // 2
    altered = real[:at] + ("x" if real[at : at + 1] != "x" else "y") + real[at + 1 :]
    for token in ("garbage", altered, user.session.access, real[:at], env.word(43)):
        answer = await env.call("refresh", {"refresh_token": token})
        answer.expect({400, 401, 422}, "A refresh token that was never given out is not refused")


def _shown(session: Session) -> dict[str, str]:
    if session.refresh is None:
        unmet("This rests on: signing in answers with a refresh token")
    return {"refresh_token": session.refresh}


async def _refresh(env: Env, session: Session, *, replica: int | None = None) -> Answer:
    return await env.call("refresh", _shown(session), replica=replica)


async def _renewed(env: Env, session: Session) -> Session:
    answer = await _refresh(env, session)
    answer.given({200}, "This rests on: a refresh token can be used")
    return _tokens(env, answer)


def _tokens(env: Env, answer: Answer) -> Session:
    session = env.accounts.session_of(answer)
    if session.refresh is None:
        fail(
            "A refresh answers without a new refresh token",
            expected="a new pair of tokens",
            observed="no refresh_token",
        )
    return session
