"""Rate limits: over all instances together, exact enough, not to be talked round."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from math import ceil

from acidtest.grader.sdk import (
    SAFETY,
    TIMING,
    Answer,
    By,
    Env,
    check,
    fail,
    not_applicable,
    unknown,
    unmet,
)

from ._desk import BASE
from ._health import health_path

_PER_IP = 40
_PER_USER = 20
"""The limits of the two groups, per minute."""
_BEFORE = 6
"""Requests of the judge itself that may have counted: waiting for readiness, and signing in."""
_BURST = 90
_AT_ONCE = 8
_MINUTE = 60
_LONG = 8.0
_SLOW_COMMAND = 0.04
"""Seconds after which a careful service stops waiting for Redis."""
_PATIENCE = 65.0
_FORGED = ("X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Client-IP", "True-Client-IP",
           "CF-Connecting-IP")  # fmt: skip
IP_LIMITED = "the_limit_of_an_address_holds_over_all_instances"
USER_LIMITED = "the_limit_of_a_user_holds_over_all_instances"
_Ask = Callable[[int], Awaitable[Answer]]


@check("R18", group="ip_limits", kind=TIMING, weight=3, requires=(BASE,), deadline=75.0)
async def the_limit_of_an_address_holds_over_all_instances(env: Env) -> None:
    """Of a burst of one address at least the limit and at most a tenth more is let through.

    Ninety requests at two instances with a limit of 40 a minute, eight at a time; the few before,
    for readiness and to sign in, may count or not. The others get 429 with a `Retry-After`.
    """
    user = await env.accounts.sign_up()
    since = env.now()
    answers = await _burst(lambda n: _list(env, n, by=user))
    _judge(env, answers, since, limit=_PER_IP, before=_BEFORE)


@check("R18", group="ip_limits", kind=SAFETY, weight=2, requires=(IP_LIMITED,), deadline=75.0)
async def a_forged_address_does_not_help(env: Env) -> None:
    """Headers that name another address have no effect on the limit.

    After the limit is used up, requests with six such headers, each naming new addresses, are
    refused all the same.
    """
    await _use_up(lambda n: _list(env, n))
    for name in _FORGED:
        address = ".".join(str(env.rng.randrange(1, 250)) for _ in range(4))
        value = f"for={address}" if name == "Forwarded" else address
        # A limit gives something back while time goes by, but not for so many in a row.
        answers = [
            await env.call("list_orders", headers={name: sent})
            for sent in (value, f"{value}, ::1") * 3
        ]
        if all(answer.status != 429 for answer in answers):
            fail(
                f"Whoever sends {name} is not limited any more",
                expected="429 as without it",
                observed=answers[0].summary(),
            )


@check("R18", group="ip_limits", weight=1, requires=(IP_LIMITED,), deadline=75.0)
async def health_is_never_limited(env: Env) -> None:
    """The health endpoint answers 200 while everything else is refused for the limit."""
    path = await health_path(env)
    if path is None:
        unmet("This rests on: a health endpoint answers 200")
    await _use_up(lambda n: _list(env, n))
    replies = [await env.get(path) for _ in range(_PER_IP + 10)]
    refused = [reply for reply in replies if reply.status != 200]
    if refused:
        fail(
            "The health endpoint is limited",
            expected="200 each time",
            observed=f"{len(refused)} of {len(replies)} times {refused[0]}",
        )


@check("R18", group="ip_limits", weight=2, requires=(IP_LIMITED,), deadline=110.0)
async def after_retry_after_the_next_request_passes(env: Env) -> None:
    """After the seconds that `Retry-After` names the next request is let through.

    One second more is allowed.
    """
    refused = await _use_up(lambda n: _list(env, n, replica=0))
    wait = _retry_after(refused)
    if wait > _PATIENCE:
        fail(
            "The Retry-After of a limit per minute is longer than a minute",
            expected="at most 60 seconds",
            observed=f"{wait} s",
        )
    await asyncio.sleep(wait + 1.0)
    answer = await _list(env, 0, replica=0)
    if answer.status == 429:
        fail(
            "After the time in Retry-After the next request is refused again",
            expected=f"an answer other than 429 after {wait} s",
            observed=answer.summary(),
        )


@check("R18", group="user_limits", kind=TIMING, weight=3, requires=(BASE,), deadline=75.0)
async def the_limit_of_a_user_holds_over_all_instances(env: Env) -> None:
    """Of a burst of one user at least the limit and at most a tenth more is let through.

    Ninety requests at two instances with a limit of 20 a minute, eight at a time; the others get
    429 with a `Retry-After` in seconds. Meanwhile another user is served.
    """
    user, other = [await env.accounts.sign_up() for _ in range(2)]
    since = env.now()
    answers = await _burst(lambda n: _list(env, n, by=user))
    _judge(env, answers, since, limit=_PER_USER, before=0)
    answer = await env.call("list_orders", by=other)
    answer.expect({200}, "The limit of one user keeps another one out")


@check("R18", group="user_limits", kind=SAFETY, requires=(USER_LIMITED,), deadline=75.0)
async def another_token_is_the_same_user(env: Env) -> None:
    """A user who signs in again is limited all the same."""
    user = await env.accounts.sign_up()
    await _use_up(lambda n: _list(env, n, by=user))
    again = await env.accounts.try_log_in(user.email, user.password)
    if again.status != 200:
        not_applicable("Signing in counts as a request of the user, and was refused")
    session = env.accounts.session_of(again)
    # A limit gives something back while time goes by; a new one would let nearly all through.
    answers = [await _list(env, number, by=session) for number in range(_PER_USER)]
    passed = sum(answer.status != 429 for answer in answers)
    if passed > _PER_USER * 3 // 4:
        fail(
            "A user whose limit is used up goes on with another token",
            expected=f"429 for most of {_PER_USER} requests",
            observed=f"{passed} were let through",
        )


async def _list(
    env: Env, number: int, *, by: By | None = None, replica: int | None = None
) -> Answer:
    where = number % env.replicas if replica is None else replica
    return await env.call("list_orders", by=by, replica=where, deadline=15.0)


async def _burst(ask: _Ask) -> list[Answer]:
    """Ask many times, some at once."""
    slots = asyncio.Semaphore(_AT_ONCE)

    async def one(number: int) -> Answer:
        async with slots:
            return await ask(number)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(number)) for number in range(_BURST)]
    return [task.result() for task in tasks]


def _judge(env: Env, answers: list[Answer], since: float, *, limit: int, before: int) -> None:
    seconds = env.now() - since
    statuses = dict(Counter(answer.status for answer in answers))
    refused = [answer for answer in answers if answer.status == 429]
    passed = len(answers) - len(refused)
    odd = [a for a in answers if a.status is None or a.status >= 500]
    if odd:
        fail(
            "Beyond the limit a request is answered with an error of the service",
            expected="429",
            observed=f"{statuses}; {odd[0].summary()}",
        )
    # What a limit gives back while the burst lasts may be used at once.
    most = max(limit + 1, limit * 11 // 10) + ceil(seconds * limit / _MINUTE)
    if passed > most:
        _expect_calm(env, since, len(answers))
        fail(
            "More requests are let through than the limit allows",
            expected=f"{limit} to {most} of {len(answers)}",
            observed=f"{passed} were let through: {statuses}",
        )
    if passed < limit - before:
        fail(
            "Fewer requests are let through than the limit allows",
            expected=f"at least {limit - before} of {len(answers)}",
            observed=f"{passed} were let through: {statuses}",
        )
    for answer in refused:
        _retry_after(answer)


def _expect_calm(env: Env, since: float, requests: int) -> None:
    """End the check where the service had reason to take Redis for silent and to count by itself.

    A service that never asks Redis has no such reason.
    """
    if env.now() - since > _LONG:
        unknown("The burst took so long that a limit may have begun anew in it")
    commands = env.journal.redis(since=since)
    slow = [c for c in commands if c.seconds is None or c.seconds > _SLOW_COMMAND]
    if slow or 0 < len(commands) < requests:
        unknown(
            f"Redis was slow for {len(slow)} of {len(commands)} commands while this machine was"
            " busy; a service may then keep its limits by each instance"
        )


def _retry_after(answer: Answer) -> int:
    text = answer.reply.headers.get("Retry-After", "")
    if not (text.isascii() and text.isdigit()):
        fail(
            "A 429 has no Retry-After in seconds",
            expected="Retry-After: a whole number",
            observed=repr(text) if text else answer.summary(),
        )
    return int(text)


async def _use_up(ask: _Ask) -> Answer:
    """Ask until it is refused; return the refusal."""
    answer = await ask(0)
    for number in range(1, _BURST):
        if answer.status == 429:
            break
        answer = await ask(number)
    return answer.given({429}, "This rests on: whoever asks too often is answered with 429")
