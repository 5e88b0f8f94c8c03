"""Fresh orders for the checks, made through the service itself, and what may be answered.

What a check merely rests on is made here: where that does not work the check is skipped, since it
could neither pass nor fail. What a check is about, it asks for itself.
"""

import uuid
from collections.abc import Iterable
from typing import Any

from acidtest.grader.sdk import Answer, Env, Failed, Item, User, unmet

STORED = frozenset({200, 201})
"""What counts as stored for checks that are not about the status itself."""
REFUSED = frozenset({400, 422})
MALFORMED = frozenset({400, 415, 422})
ABSENT = frozenset({400, 404, 422})
HIDDEN_FROM_YOU = frozenset({403, 404})
UNDER_WAY = frozenset({409, 425})
BASE = "an_added_order_is_answered_whole"
"""The check without which whatever is absent would be absent in vain."""
CURRENCIES = ("EUR", "USD", "GBP", "JPY", "CHF")


def new_total(env: Env) -> int:
    """Draw an amount that nothing else in the run contains, so that its row can be found."""
    return env.rng.randrange(100_000_000, 2_000_000_000)


def new_order(env: Env, **changes: object) -> dict[str, Any]:
    """Draw the fields of an order; `changes` replace some of them."""
    return {"total_cents": new_total(env), "currency": env.rng.choice(CURRENCIES), **changes}


async def add_order(
    env: Env, user: User, *, replica: int | None = None, key: str | None = None, **changes: object
) -> Item:
    """Store an order that the check rests on."""
    body = new_order(env, **changes)
    answer = await env.call("create_order", body, by=user, replica=replica, key=key)
    return stored(answer)


def stored(answer: Answer, what: str = "an order can be added") -> Item:
    """Return the thing in an answer that the check rests on, or skip the check."""
    answer.given(STORED, f"This rests on: {what}")
    try:
        item = answer.item
    except Failed as failed:
        unmet(f"This rests on: {what}. {failed.claim}")
    if item.get("id") is None:
        unmet(f"This rests on: {what}, but the answer has no id")
    return item


async def read_order(
    env: Env, user: User, order_id: object, *, replica: int | None = None
) -> Answer:
    """Ask for one order as `user`."""
    return await env.call("get_order", by=user, order_id=order_id, replica=replica)


async def change(
    env: Env, user: User, order_id: object, *, replica: int | None = None, **fields: object
) -> Answer:
    """Ask for a change of one order as `user`."""
    return await env.call(
        "change_order", fields, by=user, order_id=order_id, replica=replica, deadline=15.0
    )


async def listed(env: Env, user: User, *, replica: int | None = None) -> list[Item]:
    """All orders that the service lists for `user`, for a check that rests on it."""
    try:
        return await env.walk("list_orders", by=user, replica=replica)
    except Failed as failed:
        unmet(f"This rests on the list of orders. {failed.claim}")


def with_id(items: Iterable[Item], wanted: object) -> Item | None:
    """Return the item with this id, whether ids are numbers or text."""
    return next((item for item in items if same(item.get("id"), wanted)), None)


def same(one: object, other: object) -> bool:
    """Whether two ids are the same, be they numbers or text."""
    return one is not None and str(one).lower() == str(other).lower()


def unknown_id(env: Env) -> str:
    """An id of an order that nobody has."""
    return str(uuid.UUID(int=env.rng.getrandbits(128), version=4))


def limit_name(env: Env) -> str:
    """What the service calls the number of orders on a page."""
    return env.dialect.query("list_orders").limit or "limit"


def cursor_name(env: Env) -> str:
    """What the service calls the place at which a page begins."""
    return env.dialect.query("list_orders").cursor or "cursor"
