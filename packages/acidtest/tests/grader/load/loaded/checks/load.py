"""What a service of notes does under load."""

from acidtest.grader.sdk import (
    TIMING,
    Env,
    LoadPlan,
    check,
    expect_objective,
    fail,
    place_of,
)


@check("R1", group="load", kind=TIMING)
async def notes_are_quick_under_load(env: Env) -> None:
    """Notes are listed and stored within the objective, and every stored note is there."""
    text = env.word()
    answer = await env.call("create_note", {"text": text})
    place = place_of(answer.json, answer.item["id"])
    plan = LoadPlan(
        requests=(
            env.load.request("list_notes", weight=3),
            env.load.request(
                "create_note", {"text": "${word}"}, expect=(201,), keys=("text",), capture=place
            ),
        )
    )

    async with env.postgres.slowed(0.001):
        result = await env.load("mixed", plan)

    env.load.show(result, "slowed", {"milliseconds added": 1.0})
    stored = {str(item["id"]) for item in await env.walk("list_notes")}
    lost = set(result.captured_by("create_note")) - stored
    if lost:
        fail("A stored note was lost", observed=f"{len(lost)} of them")
    expect_objective(result, "Notes are slow under load")
