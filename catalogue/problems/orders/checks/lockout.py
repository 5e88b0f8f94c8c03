"""Lockout: five failures lock an account, counted exactly, and not for ever."""

import asyncio
from collections import Counter

from acidtest.grader.sdk import SAFETY, Answer, Env, User, check, fail, unknown, unmet

_FAILURES = 5
_SECONDS = 8.0
"""`LOCKOUT_SECONDS` of this group."""
_GUESSES = 16
_LOCKED = frozenset({423, 429, 401, 403})
_REMEMBERED = _SECONDS * 0.6
"""Seconds within which all failures must have come, or the first may be forgotten again."""
_PATIENCE = 6.0
LOCKS = "five_failures_lock_the_account"


@check("R5", group="lockout", weight=3, requires=("logging_in_answers_with_tokens",), deadline=60.0)
async def five_failures_lock_the_account(env: Env) -> None:
    """After five failed log-ins the account is locked: the right password is refused as well.

    At both instances, with 423, 429, 401 or 403 and a `Retry-After`. Four failures lock nothing,
    and other accounts go on.
    """
    user, other = [await env.accounts.sign_up() for _ in range(2)]
    four = await env.accounts.sign_up()
    await _fail(env, four, _FAILURES - 1)
    answer = await env.accounts.try_log_in(four.email, four.password)
    answer.expect({200}, "An account is locked after four failures")
    begun = env.now()
    await _fail(env, user, _FAILURES)
    for replica in range(env.replicas):
        answer = await env.accounts.try_log_in(user.email, user.password, replica=replica)
        _expect_remembered(env, begun)
        answer.expect(_LOCKED, "After five failures the right password is not refused")
        after = answer.reply.headers.get("Retry-After", "")
        if not after:
            fail(
                "The refusal of a locked account has no Retry-After",
                expected="Retry-After with the seconds to wait",
                observed=answer.summary(),
            )
    answer = await env.accounts.try_log_in(other.email, other.password)
    answer.expect({200}, "A lock of one account keeps another user out")


@check("R5", group="lockout", kind=SAFETY, weight=3, requires=(LOCKS,), deadline=75.0)
async def parallel_guesses_are_counted_exactly(env: Env) -> None:
    """Of guesses that arrive at the same moment at two instances no more than five are tried.

    Sixteen wrong passwords of one account at once, with 15 ms more for every round trip to the
    database. Refused for the lock is what is answered with 423 or 429 or has a `Retry-After`; what
    is answered like any wrong password was tried. 503 is neither. Afterwards the account is locked.
    """
    user = await env.accounts.sign_up()
    begun = env.now()
    async with env.postgres.slowed(0.015), asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(
                env.accounts.try_log_in(
                    user.email, env.accounts.new_password(), replica=n % env.replicas
                )
            )
            for n in range(_GUESSES)
        ]
    _expect_remembered(env, begun)
    answers = [task.result() for task in tasks]
    tried = [answer for answer in answers if answer.status == 401 and not _names_a_lock(answer)]
    odd = [answer for answer in answers if answer.status in {500, 502}]
    if odd:
        fail(
            "A wrong password beside others is answered with an error of the service",
            expected="401, or the refusal of a locked account",
            observed=odd[0].summary(),
        )
    if len(tried) > _FAILURES:
        fail(
            "More than five passwords of one account are tried when they come at once",
            expected=f"{_FAILURES} answers for a wrong password, all others for a locked account",
            observed=f"{len(tried)} tried: {dict(Counter(answer.status for answer in answers))}",
        )
    answer = await env.accounts.try_log_in(user.email, user.password)
    _expect_remembered(env, begun)
    if answer.status == 200 and len(tried) >= _FAILURES:
        fail(
            "After a crowd of wrong passwords the account is not locked",
            expected="a refusal of the right password",
            observed=answer.summary(),
        )


@check("R5", group="lockout", weight=2, requires=(LOCKS,), deadline=75.0)
async def a_lock_ends_when_its_time_is_over(env: Env) -> None:
    """When the time of the lock is over the right password works again.

    `LOCKOUT_SECONDS` is 8 here. The time in `Retry-After` is at most that, and two log-ins later
    the account is as good as new; six seconds more are allowed.
    """
    user = await env.accounts.sign_up()
    begun = env.now()
    await _fail(env, user, _FAILURES)
    locked = await env.accounts.try_log_in(user.email, user.password)
    _expect_remembered(env, begun)
    locked.given(_LOCKED, "This rests on: five failures lock the account")
    after = locked.reply.headers.get("Retry-After", "")
    if after.isdigit() and int(after) > _SECONDS + 1:
        fail(
            "The Retry-After of a locked account is longer than the lock",
            expected=f"at most {_SECONDS:.0f}",
            observed=after,
        )
    await env.until(_never, within=_SECONDS, every=_SECONDS)

    async def signed_in() -> bool:
        return (await env.accounts.try_log_in(user.email, user.password)).status == 200

    if not await env.until(signed_in, within=_PATIENCE, every=1.0):
        answer = await env.accounts.try_log_in(user.email, user.password)
        fail(
            "A lock does not end when its time is over",
            expected=f"200 after {_SECONDS:.0f} s",
            observed=answer.summary(),
        )
    await _fail(env, user, 1)
    answer = await env.accounts.try_log_in(user.email, user.password)
    answer.expect({200}, "After a lock was over one failure locks the account again")


def _expect_remembered(env: Env, begun: float) -> None:
    """End the check where so much time has passed that failures may rightly be forgotten."""
    lasted = env.now() - begun
    if lasted > _REMEMBERED:
        unknown(f"The log-ins took {lasted:.1f} s, in which the first may have been forgotten")


async def _never() -> bool:
    return False


async def _fail(env: Env, user: User, times: int) -> None:
    """Sign in with wrong passwords, at both instances in turn."""
    for number in range(times):
        answer = await env.accounts.try_log_in(
            user.email, env.accounts.new_password(), replica=number % env.replicas
        )
        if answer.status not in {401, 423, 429, 403}:
            unmet(f"This rests on: a wrong password is refused, but it got {answer.summary()}")


def _names_a_lock(answer: Answer) -> bool:
    return bool(answer.reply.headers.get("Retry-After"))
