"""What a correct service of notes does."""

from acidtest.grader.sdk import DETERMINISTIC, SAFETY, Env, check, fail


@check("R1", group="notes", kind=DETERMINISTIC, weight=2)
async def a_note_is_stored(env: Env) -> None:
    """A new note is answered with 201 and carries its text."""
    text = env.word()
    answer = await env.call("create_note", {"text": text})
    answer.expect({201}, "A new note is not answered with 201")
    if await env.db.locate(text) is None:
        fail("The note is nowhere in the database.", expected=text, observed="no row")


@check("R1", group="notes", requires=("a_note_is_stored",))
async def a_note_is_listed(env: Env) -> None:
    """A stored note is in the next list."""
    text = env.word()
    await env.call("create_note", {"text": text})
    found = [item["text"] for item in await env.walk("list_notes")]
    if text not in found:
        fail("A note that was stored is not in the list.", expected=text, observed=str(found))


@check("R2", group="cache", requires=("a_note_is_stored",), weight=3)
async def a_warm_list_needs_no_sql(env: Env) -> None:
    """A list that was just asked for comes from the cache."""
    await env.call("create_note", {"text": env.word()})
    await env.call("list_notes", replica=0)
    async with env.watch() as seen:
        await env.call("list_notes", replica=1)
    asked = [moment for moment in seen.moments if moment.type == "sql"]
    if asked:
        fail(
            "A warm list asks the database.",
            expected="no SQL statement",
            observed=f"{len(asked)} statements",
        )


@check("R1", group="crash", kind=SAFETY, requires=("a_note_is_stored",))
async def a_note_survives_a_kill(env: Env) -> None:
    """What was acknowledged is there after kill -9."""
    text = env.word()
    await env.call("create_note", {"text": text})
    await env.service.kill()
    await env.service.open()
    found = [item["text"] for item in await env.walk("list_notes")]
    if text not in found:
        fail("A note was lost.", expected=text, observed=str(found))
