"""What checks of several problems ask of an instance that is stopped or killed."""

import asyncio
from collections.abc import Coroutine
from signal import SIGTERM
from typing import Any

from acidtest.core.errors import SubmissionError
from acidtest.core.evidence import clip
from acidtest.grader.sdk._answer import Answer
from acidtest.grader.sdk._env import Env
from acidtest.grader.sdk._gating import LastingWrite, replica_name
from acidtest.grader.sdk._outcomes import fail

_START_SECONDS = 40.0
_REACH = 4.0
_HOLD = 0.7
_STOP_SECONDS = 10.0
_GRACE = 2.0


async def expect_to_start_again(env: Env) -> None:
    """Start every instance after `env.service.kill()`, or fail the check."""
    try:
        for replica in range(env.replicas):
            await env.service.start(replica, within=_START_SECONDS)
    except SubmissionError as error:
        fail(
            "After kill -9 the service does not start again",
            expected="an instance that answers",
            observed=f"{error} {clip(error.log, 1000)}",
        )


async def answered_across_sigterm(env: Env, write: Coroutine[Any, Any, Answer]) -> Answer:
    """Return the answer to a write of the first instance that SIGTERM met on its way.

    The write is held before the database has it and goes on less than a second after the signal.

    Args:
        env: the world, with the first instance running.
        write: the request, addressed to replica 0, not yet awaited.
    """
    with env.postgres.gate(LastingWrite(replica_name(env, 0))) as gate:
        asking = asyncio.ensure_future(write)
        try:
            if not await gate.reached(timeout=_REACH):
                env.note("the write did not come to the gate")
            await env.service.signal(0, SIGTERM)
            await env.service.wait(0, within=_HOLD)
            gate.release()
            return await asking
        finally:
            asking.cancel()


async def expect_end_after_sigterm(env: Env) -> None:
    """Fail the check when the first instance runs on after SIGTERM; 10 s and 2 s of grace."""
    ended = await env.service.terminate(0, within=_STOP_SECONDS + _GRACE)
    if ended.exit_code is None and env.service.running(0):
        fail(
            "The process does not end after SIGTERM",
            expected=f"an end within {_STOP_SECONDS:.0f} s",
            observed=f"still running after {ended.seconds:.1f} s",
        )
