"""Who may ask: tokens that are missing or broken, and orders that are somebody else's."""

import uuid
from typing import Any

from acidtest.grader.sdk import SAFETY, Answer, Env, User, check, error_problem, fail

from ._desk import (
    BASE,
    HIDDEN_FROM_YOU,
    add_order,
    change,
    listed,
    new_order,
    read_order,
    stored,
    with_id,
)
from ._rows import row_of, rows_of
from ._traces import trace_id_of

_GARBAGE = ("garbage", "", "null", "undefined", "a.b.c", "..", "eyJhbGciOiJub25lIn0.e30.")


@check("R7", group="auth", weight=4, requires=(BASE,))
async def without_a_good_token_the_answer_is_a_structured_401(env: Env) -> None:
    """Without a good token every operation on orders answers 401, structured, and does nothing.

    No header, another scheme, garbage in place of a token, a token without its scheme. Each 401
    has a `WWW-Authenticate` header and is JSON with a message and a trace id.
    """
    user = await env.accounts.member("buyer")
    order = await add_order(env, user)
    token = user.session.access
    headers: dict[str, dict[str, str]] = {
        "no Authorization header": {},
        "a token without its scheme": {"Authorization": token},
        "a token in another scheme": {"Authorization": f"Basic {token}"},
        **{f"the token {text!r}": {"Authorization": f"Bearer {text}"} for text in _GARBAGE},
    }
    for what, sent in headers.items():
        body = new_order(env)
        for answer in await _ask_all(env, sent, body, order["id"]):
            _expect_structured(answer, what)
        if await rows_of(env, body["total_cents"]):
            fail(
                f"An order with {what} was refused and stored all the same",
                expected="no row",
                observed="a row",
            )


async def _ask_all(
    env: Env, headers: dict[str, str], body: dict[str, Any], order_id: object
) -> list[Answer]:
    return [
        await env.call("list_orders", headers=headers),
        await env.call("create_order", body, headers=headers),
        await env.call("get_order", headers=headers, order_id=order_id),
        await env.call("change_order", {"status": "paid"}, headers=headers, order_id=order_id),
    ]


def _expect_structured(answer: Answer, what: str) -> None:
    answer.expect({401}, f"{answer.operation} with {what} is not answered with 401")
    if not answer.reply.headers.get("WWW-Authenticate"):
        fail(
            f"The 401 of {answer.operation} has no WWW-Authenticate header",
            expected="WWW-Authenticate: Bearer …",
            observed=answer.summary(),
        )
    problem = error_problem(answer)
    if problem or trace_id_of(answer) is None:
        fail(
            f"The 401 of {answer.operation} is not structured: {problem or 'it has no trace id'}",
            expected="a JSON object with a message and a trace id",
            observed=answer.summary(),
        )


@check("R13", group="auth", kind=SAFETY, weight=4, requires=(BASE,))
async def nobody_reads_an_order_of_somebody_else(env: Env) -> None:
    """Reading an order of somebody else is answered with 404 or 403 and shows nothing of it.

    Neither its amount nor its user's address or id is in the answer, headers included; and it is
    in no list but its owner's.
    """
    owner, thief = [await env.accounts.sign_up() for _ in range(2)]
    body = new_order(env)
    order = stored(await env.call("create_order", body, by=owner))
    own = await read_order(env, owner, order["id"])
    own.given({200}, "This rests on: an order of one's own can be read")
    answer = await read_order(env, thief, order["id"])
    answer.expect(HIDDEN_FROM_YOU, "An order of somebody else is not answered with 404 or 403")
    _shows_nothing(answer, owner, body)
    await add_order(env, thief)
    if with_id(await listed(env, thief), order["id"]) is not None:
        fail(
            "An order of somebody else is in the list",
            expected="only orders of one's own",
            observed=f"order {order['id']}",
        )


@check("R13", group="auth", kind=SAFETY, weight=4, requires=(BASE,))
async def nobody_changes_an_order_of_somebody_else(env: Env) -> None:
    """Changing an order of somebody else is answered with 404 or 403, and its row is as before.

    Tried with each field, with a good and with a broken body.
    """
    owner, thief = [await env.accounts.sign_up() for _ in range(2)]
    body = new_order(env)
    order = stored(await env.call("create_order", body, by=owner))
    before = await row_of(env, body["total_cents"])
    for fields in ({"status": "paid"}, {"total_cents": 1}, {"currency": "CHF"}):
        answer = await change(env, thief, order["id"], **fields)
        answer.expect(HIDDEN_FROM_YOU, "A change of somebody else's order is not a 404 or 403")
        _shows_nothing(answer, owner, body)
    after = await row_of(env, body["total_cents"])
    if after != before:
        fail(
            "A change of somebody else's order was refused and made all the same",
            expected="the row as before",
            observed="another row",
            tables={"before": [before], "after": [after]},
        )
    answer = await change(env, owner, order["id"], status="paid")
    answer.given({200}, "This rests on: the owner can change the order")


def _shows_nothing(answer: Answer, owner: User, body: dict[str, Any]) -> None:
    said = answer.text + str(dict(answer.reply.headers))
    canaries = [owner.email, str(body["total_cents"])]
    if _is_uuid(owner.id):
        canaries.append(str(owner.id))
    shown = [canary for canary in canaries if canary in said]
    if shown:
        fail(
            "The refusal shows something of the order or its owner",
            expected="an error that tells nothing of it",
            observed=f"{shown[0]} in {answer.summary()}",
        )


def _is_uuid(value: object) -> bool:
    try:
        uuid.UUID(str(value))
    except ValueError:
        return False
    return True
