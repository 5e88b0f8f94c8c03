"""Signed webhooks: who is believed, what is done once, and what is on record."""

import asyncio
import json

from acidtest.grader.sdk import SAFETY, Env, check, fail

from ._provider import (
    PAID,
    REFUSED,
    TAKEN,
    active_secrets,
    audited,
    deliver,
    event,
    leaked_secret,
    pending_order,
    set_status,
    signed,
    status_of,
)

_REPEATED = TAKEN | REFUSED | {409}
_COPIES = 10
_WRITTEN = 2.0
"""Seconds after which the audit must be written."""


@check("R14", group="webhooks", weight=3)
async def a_signed_event_pays_the_order(env: Env) -> None:
    """A rightly signed event is taken and does what it says, to the order it is about."""
    order_id = await pending_order(env)
    for kind, status in (("payment.succeeded", "paid"), ("payment.refunded", "cancelled")):
        body = event(order_id, kind)
        answer = await deliver(env, body, signed(env, body))
        answer.expect(TAKEN, "A rightly signed event is not answered with 2xx")
        if (found := await status_of(env, order_id)) != status:
            fail(f"{kind} does not make the order {status}", expected=status, observed=found)


@check("R14", group="webhooks", requires=(PAID,))
async def an_event_about_nothing_is_taken_and_changes_nothing(env: Env) -> None:
    """An event about an unknown order, or of another type, is answered with 2xx."""
    order_id = await pending_order(env)
    for body in (event(777_777_777), event(order_id, "payment.disputed")):
        answer = await deliver(env, body, signed(env, body))
        answer.expect(TAKEN, "A signed event that means nothing here is not answered with 2xx")
    if (found := await status_of(env, order_id)) != "pending":
        fail("An event of another type changed an order", expected="pending", observed=found)


@check("R14", group="webhooks", kind=SAFETY, weight=3, requires=(PAID,))
async def an_unsigned_event_is_refused(env: Env) -> None:
    """An event without a signature, or with half of its headers, is refused and does nothing."""
    order_id = await pending_order(env)
    body = event(order_id)
    whole = signed(env, body)
    for missing in (set(whole), *({name} for name in whole)):
        headers = {name: value for name, value in whole.items() if name not in missing}
        await _refused(env, order_id, body, headers, f"without {', '.join(sorted(missing))}")


@check("R14", group="webhooks", kind=SAFETY, weight=3, requires=(PAID,))
async def a_wrong_signature_is_refused(env: Env) -> None:
    """A signature by another key, of another message, or that is none at all is refused."""
    order_id = await pending_order(env)
    body = event(order_id)
    foreign = "whsec_" + "Zm9yZWlnbmZvcmVpZ25mb3JlaWdu"
    right = signed(env, body)
    other = signed(env, event(1))["webhook-signature"]
    for headers, what in (
        (signed(env, body, secret=foreign), "by another key"),
        ({**right, "webhook-signature": other}, "of another message"),
        ({**right, "webhook-signature": "v1,"}, "that is empty"),
        ({**right, "webhook-signature": "v1,%%%"}, "that is no base64"),
        ({**right, "webhook-signature": right["webhook-signature"][3:]}, "without its version"),
        ({**right, "webhook-id": f"msg_{env.word()}"}, "under another id"),
        ({**right, "webhook-timestamp": str(int(right["webhook-timestamp"]) - 1)}, "made later"),
    ):
        await _refused(env, order_id, body, headers, f"with a signature {what}")


async def _refused(
    env: Env, order_id: int, body: bytes, headers: dict[str, str], what: str
) -> None:
    answer = await deliver(env, body, headers)
    answer.expect(REFUSED, f"An event {what} is not refused with 401 or 403")
    if (found := await status_of(env, order_id)) != "pending":
        fail(f"An event {what} changed an order", expected="pending", observed=found)


@check("R14", group="webhooks", kind=SAFETY, weight=3, requires=(PAID,))
async def the_body_is_verified_as_it_was_sent(env: Env) -> None:
    """The signature is over the bytes of the body, not over what they mean.

    An event with odd white space and escapes, signed as it is, is taken; the same event written
    otherwise than it was signed is refused.
    """
    order_id = await pending_order(env)
    odd = json.dumps(
        {"data": {"order_id": order_id, "note": "Zoë"}, "type": "payment.succeeded"}, indent=3
    ).encode()
    plain = json.dumps(json.loads(odd), separators=(",", ":")).encode()
    await _refused(env, order_id, plain, signed(env, odd), "that was written anew after signing")
    answer = await deliver(env, odd, signed(env, odd))
    answer.expect(TAKEN, "An event with odd white space, signed as it was sent, is refused")
    if (found := await status_of(env, order_id)) != "paid":
        fail("An event with odd white space is not done", expected="paid", observed=found)


@check("R15", group="webhooks", weight=2, requires=(PAID,))
async def every_active_secret_signs(env: Env) -> None:
    """A signature by the older of the two secrets is as good, alone or beside a strange one."""
    newest, *older = active_secrets(env)
    for secret in (*older, newest):
        order_id = await pending_order(env)
        body = event(order_id)
        headers = signed(env, body, secret=secret)
        strange = "v1,c3RyYW5nZXN0cmFuZ2VzdHJhbmdlc3RyYW5nZXN0cmE= v9,AAAA"
        headers["webhook-signature"] = f"{strange} {headers['webhook-signature']}"
        answer = await deliver(env, body, headers)
        answer.expect(TAKEN, "An event signed by one of the active secrets is refused")
        if (found := await status_of(env, order_id)) != "paid":
            fail("An event signed by an active secret does nothing", observed=found)


@check("R15", group="webhooks", kind=SAFETY, weight=2, requires=(PAID,))
async def the_leaked_secret_signs_nothing(env: Env) -> None:
    """The secret that lies in the old repository is believed no more."""
    order_id = await pending_order(env)
    body = event(order_id)
    headers = signed(env, body, secret=leaked_secret())
    await _refused(env, order_id, body, headers, "signed by the leaked secret")


@check("R16", group="webhooks", kind=SAFETY, weight=2, requires=(PAID,))
async def an_old_event_is_refused(env: Env) -> None:
    """An event signed six minutes ago, or six minutes ahead, is refused; one of four is taken."""
    order_id = await pending_order(env)
    body = event(order_id)
    for age in (360, 86_400, -360):
        headers = signed(env, body, age=age)
        await _refused(env, order_id, body, headers, f"signed {age} seconds ago")
    answer = await deliver(env, body, signed(env, body, age=240))
    answer.expect(TAKEN, "An event signed four minutes ago is refused")


@check("R16", group="webhooks", kind=SAFETY, weight=3, requires=(PAID,))
async def a_repeated_event_has_no_second_effect(env: Env) -> None:
    """An event whose id was accepted before does nothing, be it a copy or signed anew.

    Between the two the order is made pending again past the service, so that a second effect would
    show.
    """
    order_id = await pending_order(env)
    body, name = event(order_id), f"msg_{env.word(20)}"
    first = signed(env, body, name=name, age=2)
    (await deliver(env, body, first)).expect(TAKEN, "A rightly signed event is refused")
    for headers, what in ((first, "sent once more"), (signed(env, body, name=name), "signed anew")):
        await set_status(env, order_id, "pending")
        answer = await deliver(env, body, headers)
        answer.expect(_REPEATED, f"A repeated event, {what}, is answered otherwise than allowed")
        if (found := await status_of(env, order_id)) != "pending":
            fail(
                f"An event that was accepted before has a second effect when {what}",
                expected="pending",
                observed=found,
            )


@check("R16", group="webhooks", kind=SAFETY, requires=(PAID,))
async def copies_at_once_are_accepted_once(env: Env) -> None:
    """Of ten copies of an event that arrive at once, one is accepted."""
    order_id = await pending_order(env)
    body, name = event(order_id), f"msg_{env.word(20)}"
    headers = signed(env, body, name=name)
    async with env.postgres.slowed(0.02), asyncio.TaskGroup() as group:
        tasks = [group.create_task(deliver(env, body, headers)) for _ in range(_COPIES)]
    for task in tasks:
        task.result().expect(
            _REPEATED | {503}, "A copy of an event is answered otherwise than allowed"
        )
    rows = [row["outcome"] for row in await audited(env) if row["webhook_id"] == name]
    if rows.count("accepted") != 1:
        fail(
            "Copies of one event that arrive at once are not accepted exactly once",
            expected="one row `accepted` in the audit",
            observed=f"{rows.count('accepted')} of {len(rows)} rows",
        )


@check("R17", group="webhooks", weight=3, requires=(PAID,))
async def every_event_is_audited(env: Env) -> None:
    """Accepted, refused and repeated events each leave a row in the audit.

    Asked for are the rows by id and outcome; for an event without an id, one row more than before.
    """
    body = event(await pending_order(env))
    taken = signed(env, body)
    bad = {**signed(env, body), "webhook-signature": "v1,AAAA"}
    old = signed(env, body, age=3_600)
    before = len([row for row in await audited(env) if row["webhook_id"] is None])
    for headers in (taken, taken, bad, old, {}):
        await deliver(env, body, headers)
    wanted = {
        (taken["webhook-id"], "accepted"),
        (taken["webhook-id"], "duplicate"),
        (bad["webhook-id"], "rejected"),
        (old["webhook-id"], "rejected"),
    }
    missing: list[str] = []

    async def complete() -> bool:
        rows = await audited(env)
        found = {(row["webhook_id"], row["outcome"]) for row in rows}
        missing[:] = [f"{outcome} {name}" for name, outcome in sorted(wanted - found)]
        if len([row for row in rows if row["webhook_id"] is None]) != before + 1:
            missing.append("one row for the event without an id")
        return not missing

    if not await env.until(complete, within=_WRITTEN, every=0.1):
        fail(
            "An event left no row in the audit",
            expected="a row for each of five events",
            observed=f"missing: {', '.join(missing)}",
        )


@check("R18", group="webhooks", kind=SAFETY, requires=(PAID,))
async def no_secret_comes_out(env: Env) -> None:
    """Neither answers nor log lines hold the secrets of the run."""
    body = event(await pending_order(env))
    texts = [
        (await deliver(env, body, headers)).text
        for headers in ({}, signed(env, body), {**signed(env, body), "webhook-signature": "v1,x"})
    ]
    lines = [line.text for line in env.log()]
    for secret in env.secrets:
        key = secret.removeprefix("whsec_")
        if any(key in text for text in (*texts, *lines)):
            fail(
                "A secret of the run comes out",
                expected="no secret in any answer or log line",
                observed=f"{key[:3]}… in {'an answer' if key in ''.join(texts) else 'the log'}",
            )
