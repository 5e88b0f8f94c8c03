"""Running one check and turning whatever happens into a verdict."""

import asyncio
import traceback
from collections.abc import Sequence

from acidtest.core.errors import AcidTestError
from acidtest.core.evidence import Evidence, HttpExchange, LogLine, Moment, clip
from acidtest.core.result import CheckResult
from acidtest.core.verdict import Kind, Owner, Status
from acidtest.grader.contract import Unexaminable
from acidtest.grader.lab.world import World
from acidtest.grader.machine import Reading, Use
from acidtest.grader.sdk import (
    Check,
    Env,
    Failed,
    Inapplicable,
    Knowledge,
    Outcome,
    Tell,
    Unmet,
    Untold,
    Voided,
)

MAX_MOMENTS = 120
"""Moments kept as evidence; the requests and faults first, then the rest from both ends."""
_MESSAGE = 600


async def judge(
    check: Check,
    world: World,
    knowledge: Knowledge,
    *,
    seed: int,
    tell: Tell = lambda _text: None,
) -> CheckResult:
    """Run `check` in `world` and return its verdict; never raises for what a check does.

    A check that breaks is void. One that does not end because the service takes its time is
    skipped: what it rests on, an answer, did not come. Nobody is blamed for being slow while others
    had the machine.
    """
    before = await asyncio.to_thread(Reading.take)
    overdue = False
    env = Env(world, knowledge, check=check.info.id, seed=seed, tell=tell)
    try:
        async with asyncio.timeout(check.deadline):
            await _run(check, env)
    except Outcome as outcome:
        result = _spoken(check, outcome, env)
    except Unexaminable as error:
        result = _spoken(check, Untold(str(error)), env)
    except TimeoutError:
        result = _overdue(check, env)
        overdue = result.status is Status.SKIPPED
    except Exception as error:  # noqa: BLE001 - a crash of ours is void, whatever it is
        result = _broken(check, error, env)
    else:
        measured = _measured(env)
        result = CheckResult(check=check.info.id, status=Status.PASS, evidence=measured)
    world.heal()
    if world.troubles:
        # What a proxy of ours did wrong, the service may have been blamed or praised for.
        result = _broken(check, world.troubles[0], env)
    result = await _survivors(result, check, env, world)
    missed = check.info.kind is Kind.TIMING and result.status in {Status.FAIL, Status.PARTIAL}
    if overdue or missed:
        use = before.until(await asyncio.to_thread(Reading.take))
        result = excused(result, use) if use.taken else result
    return result.model_copy(update={"seconds": round(env.now() - env.began, 3)})


async def _run(check: Check, env: Env) -> None:
    """Run a check; what tasks of its own raised comes out as if it had raised it."""
    try:
        await check.run(env)
    except BaseExceptionGroup as group:
        raise _telling(group) from None


_WEIGHTIEST_FIRST = (Failed, Voided, Untold, Unexaminable, Unmet, Inapplicable)


def _telling(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error of a group that decides; trouble of ours comes before every verdict."""
    errors = [
        _telling(error) if isinstance(error, BaseExceptionGroup) else error
        for error in group.exceptions
    ]

    def rank(error: BaseException) -> int:
        kinds = enumerate(_WEIGHTIEST_FIRST)
        return next((number for number, kind in kinds if isinstance(error, kind)), -1)

    return min(errors, key=rank)


def excused(result: CheckResult, use: Use) -> CheckResult:
    """Return the verdict that nobody can tell, since strangers had the machine."""
    return CheckResult(
        check=result.check,
        status=Status.UNKNOWN,
        owner=Owner.INFRASTRUCTURE,
        message=f"Other programs took {use.foreign:.0%} of the machine's processors meanwhile;"
        f" nobody can tell. Seen: {clip(result.message, _MESSAGE)}",
        evidence=result.evidence,
    )


async def _survivors(result: CheckResult, check: Check, env: Env, world: World) -> CheckResult:
    """Bring back what fell; a service that falls by itself has not passed."""
    try:
        fallen = await world.service.revive()
    except AcidTestError as error:
        # The next check's world is gone, but this verdict stands.
        env.note(f"the service could not be started again: {clip(str(error), 200)}")
        return result
    if not fallen or result.status in {Status.FAIL, Status.PARTIAL, Status.VOID}:
        return result
    return CheckResult(
        check=check.info.id,
        status=Status.FAIL,
        owner=Owner.CANDIDATE,
        message=f"The process of {', '.join(fallen)} ended during this check; nothing ended it.",
        evidence=_evidence(env, expected="a process that stays alive", observed="it ended"),
    )


def _spoken(check: Check, outcome: Outcome, env: Env) -> CheckResult:
    status, owner = {
        Untold: (Status.UNKNOWN, Owner.GRADER),
        Voided: (Status.VOID, Owner.INFRASTRUCTURE),
        Inapplicable: (Status.NOT_APPLICABLE, Owner.CANDIDATE),
        Unmet: (Status.SKIPPED, Owner.CANDIDATE),
        Failed: (Status.FAIL, Owner.CANDIDATE),
    }[type(outcome)]
    result = CheckResult(
        check=check.info.id, status=status, owner=owner, message=clip(str(outcome), _MESSAGE)
    )
    if isinstance(outcome, Failed):
        evidence = _evidence(
            env,
            expected=outcome.expected,
            observed=outcome.observed,
            tables=outcome.tables,
            plan=outcome.plan,
        )
        partial = {"status": Status.PARTIAL, "share": outcome.share} if outcome.share else {}
        return result.model_copy(update={"evidence": evidence, **partial})
    if status is not Status.NOT_APPLICABLE:
        return result.model_copy(update={"evidence": _evidence(env)})
    return result


def _overdue(check: Check, env: Env) -> CheckResult:
    answers = [m for m in env.journal.since(env.began) if isinstance(m, HttpExchange)]
    waited = sum(exchange.seconds for exchange in answers)
    if waited > check.deadline / 2:
        return CheckResult(
            check=check.info.id,
            status=Status.SKIPPED,
            owner=Owner.CANDIDATE,
            message=f"The service took {waited:.0f} s for {len(answers)} requests, too long to"
            f" finish this check within {check.deadline:.0f} s.",
            evidence=_evidence(env),
        )
    return _broken(check, TimeoutError(f"not finished after {check.deadline:.0f} s"), env)


def _broken(check: Check, error: BaseException, env: Env) -> CheckResult:
    frames = traceback.format_exception(error)[-6:]
    return CheckResult(
        check=check.info.id,
        status=Status.VOID,
        owner=Owner.GRADER,
        message=f"The judge itself broke: {clip(repr(error), _MESSAGE)}",
        evidence=_evidence(env, observed="".join(frames)),
    )


def _measured(env: Env) -> Evidence | None:
    """What a pass has to show: only what was measured."""
    records = tuple(env.load.records)
    return Evidence(loads=records, seed=env.seed) if records else None


def _evidence(
    env: Env,
    *,
    expected: str = "",
    observed: str = "",
    tables: dict[str, list[dict[str, str | None]]] | None = None,
    plan: str | None = None,
) -> Evidence:
    return Evidence(
        expected=clip(expected),
        observed=clip(observed),
        timeline=select(env.journal.since(env.began)),
        tables=tables or {},
        plan=clip(plan, 8_000) if plan else None,
        loads=tuple(env.load.records),
        seed=env.seed,
    )


def select(moments: Sequence[Moment], *, most: int = MAX_MOMENTS) -> tuple[Moment, ...]:
    """Choose what of a long timeline is kept: both ends, log lines thinned first."""
    if len(moments) > most:
        logs = [moment for moment in moments if isinstance(moment, LogLine)][-20:]
        kept = {id(line) for line in logs}
        moments = [m for m in moments if not isinstance(m, LogLine) or id(m) in kept]
    if len(moments) <= most:
        return tuple(moments)
    return (*moments[: most // 2], *moments[-(most - most // 2) :])
