"""What a service did behind the judge's back, as evidence."""

from acidtest.grader.sdk import Env, check, fail


@check("R1", group="deeds")
async def deeds_are_told(env: Env) -> None:
    """It never holds: what the service did comes out as evidence."""
    reply = await env.get("/deeds")
    fail("It did something.", expected="nothing", observed=reply.text)
